"""From scored RoIs to detections."""

from mmcv.ops import nms
from mmengine.config import ConfigDict
from torch import Tensor


def select_detections(
    bboxes: Tensor, scores: Tensor, cfg: ConfigDict
) -> Tensor:
    """Indices of the detections among scored boxes, best first.

    Args:
        bboxes: decoded and clipped boxes (N, 4) in network pixels.
        scores: probability of a person, (N,).
        cfg: ``score_thr`` (exclusive), ``min_bbox_size`` (pixels; 0 keeps
            empty boxes), ``nms.iou_threshold``, ``max_per_img``.

    Returns:
        indices (D,) into the boxes.
    """
    sides = bboxes[:, 2:] - bboxes[:, :2]
    usable = scores > cfg.score_thr
    usable &= (sides >= cfg.get('min_bbox_size', 0)).all(dim=1)
    candidates = usable.nonzero().squeeze(1)
    if len(candidates) == 0:
        return candidates
    _, kept = nms(
        bboxes[candidates].float(),
        scores[candidates].float(),
        cfg.nms.iou_threshold,
    )
    return candidates[kept[: cfg.max_per_img]]
