"""From the outputs of a dense head at its locations to detections."""

from typing import NamedTuple

import torch.nn.functional as F
from mmcv.ops import batched_nms
from mmdet.structures.bbox import distance2bbox, scale_boxes
from mmengine.structures import InstanceData
from torch import Tensor


class Candidates(NamedTuple):
    """Locations that may become detections, each with a class."""

    scores: Tensor  # (B, K) of the class
    products: Tensor  # (B, K) times centerness
    locations: Tensor  # (B, K) index among the P locations
    labels: Tensor  # (B, K)

    def of_image(self, index: int) -> 'Candidates':
        return Candidates(*(field[index] for field in self))


def best_locations(
    cls_scores: Tensor, centernesses: Tensor, number: int
) -> Candidates:
    """The ``number`` (all if negative) best by class score times centerness.

    That is the order of the published models. MMDetection 3 drops classes
    under the threshold first and takes the best by class score alone.

    Args:
        cls_scores (Tensor): (B, P, num_classes) logits.
        centernesses (Tensor): (B, P, 1) logits.
    """
    scores = cls_scores.sigmoid()
    products = (scores * centernesses.sigmoid()).flatten(1)
    total = products.size(1)
    number = total if number < 0 else min(number, total)
    products, index = products.topk(number, dim=1)
    return Candidates(
        scores.flatten(1).gather(1, index),
        products,
        index // cls_scores.size(2),
        index % cls_scores.size(2),
    )


def detections_of_image(
    candidates: Candidates,
    points: Tensor,
    sides: Tensor,
    embeddings: Tensor,
    img_meta: dict,
    cfg: dict,
    rescale: bool,
) -> InstanceData:
    """Detections of an image after thresholding and NMS, best first.

    Args:
        candidates (Candidates): (K,) each.
        points (Tensor): (P, 2) in pixels of the input.
        sides (Tensor): (P, 4) distances in the same pixels.
        embeddings (Tensor): (D, P), of any length.
        img_meta (dict): With ``img_shape`` and, to rescale,
            ``scale_factor``.
        cfg (dict): ``score_thr`` (of the class score, before it is
            multiplied), ``nms``, ``max_per_img``.
        rescale (bool): Boxes in pixels of the original image, in which the
            overlaps of the NMS are computed then.
    """
    # The published threshold is on the class score alone, although the
    # ranking is by its product with the centerness.
    confident = candidates.scores > cfg.get('score_thr', 0)
    candidates = Candidates(*(field[confident] for field in candidates))
    index = candidates.locations
    boxes = distance2bbox(points[index], sides[index], img_meta['img_shape'])
    if rescale:
        boxes = scale_boxes(boxes, [1 / s for s in img_meta['scale_factor']])
    if len(boxes):
        _, keep = batched_nms(
            boxes, candidates.products, candidates.labels, cfg['nms']
        )
        keep = keep[: cfg.get('max_per_img', len(keep))]
    else:
        keep = index
    return InstanceData(
        bboxes=boxes[keep],
        scores=candidates.products[keep],
        labels=candidates.labels[keep],
        embeddings=F.normalize(embeddings[:, index[keep]].t().float()),
    )
