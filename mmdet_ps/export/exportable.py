"""Detectors as one graph: picture in, boxes, scores and embeddings out.

What the detectors do with lists of boxes, in operators that can be traced:
nothing here depends on values or sizes in Python. One picture at a time; its
size is free.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError

Found = tuple[Tensor, Tensor, Tensor]


class ExportableDetector(nn.Module):
    """What the methods share.

    Args:
        model: A detector of this project, from ``init_model``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        preprocessor = model.data_preprocessor
        self.swap = bool(getattr(preprocessor, '_channel_conversion', False))
        self.divisor = int(preprocessor.pad_size_divisor)
        self.register_buffer('mean', preprocessor.mean.view(1, 3, 1, 1))
        self.register_buffer('std', preprocessor.std.view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Found:
        """Persons of a picture.

        Args:
            image (Tensor): (1, 3, H, W) uint8, BGR.

        Returns:
            Boxes (N, 4) xyxy in pixels of the picture, scores (N,), unit
            embeddings (N, D), best score first.
        """
        height, width = image.shape[2], image.shape[3]
        limit = torch.stack(
            [torch.as_tensor(side) for side in (width, height) * 2]
        ).float()
        return self.find(self.preprocess(image), limit)

    def preprocess(self, image: Tensor) -> Tensor:
        """Colours as the network knows them, and padding behind."""
        pixels = image.float()
        if self.swap:
            pixels = pixels.flip(1)
        pixels = (pixels - self.mean) / self.std
        down = -image.shape[2] % self.divisor
        right = -image.shape[3] % self.divisor
        return F.pad(pixels, (0, right, 0, down))

    def find(self, pixels: Tensor, limit: Tensor) -> Found:
        """Persons in (1, 3, H, W) pixels; boxes end at ``limit`` (4,)."""
        raise NotImplementedError


class ExportableTwoStage(ExportableDetector):
    """OIM, NAE and, with two stages on the RoIs, SeqNet."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        head = model.roi_head
        self.sequential = hasattr(head, 'first_head')
        layer = head.bbox_roi_extractor.roi_layers[0]
        self.pooling = dict(
            output_size=layer.output_size,
            spatial_scale=layer.spatial_scale,
            sampling_ratio=layer.sampling_ratio,
            aligned=layer.aligned,
        )

    def find(self, pixels: Tensor, limit: Tensor) -> Found:
        """See ``ExportableDetector.find``."""
        features = self.model.extract_feat(pixels)[0]
        boxes = self.propose(features, limit)
        head, cfg = self.model.roi_head, self.model.roi_head.test_cfg
        first_scores = None
        if self.sequential:
            top = head.first_top(self.pool(features, boxes))
            logits, deltas = head.first_head(top)
            scores = head.first_head.person_scores(logits)
            moved = decode(head.first_head.bbox_coder, boxes, deltas, limit)
            kept = select(moved, scores, cfg.first)
            boxes, first_scores = moved[kept], scores[kept]
        pooled = self.pool(features, boxes)
        logits, deltas, embeddings = head.bbox_head(
            head.shared_head(pooled), pooled
        )
        scores = first_scores
        if scores is None:
            scores = head.bbox_head.person_scores(logits)
        moved = decode(head.bbox_head.bbox_coder, boxes, deltas, limit)
        kept = select(moved, scores, cfg)
        return moved[kept], scores[kept], F.normalize(embeddings[kept])

    def propose(self, features: Tensor, limit: Tensor) -> Tensor:
        """Region proposals (N, 4) of a map (1, C, H, W), best first."""
        head, cfg = self.model.rpn_head, self.model.rpn_head.test_cfg
        logits, deltas = head.forward_single(features)
        base = head.prior_generator.base_anchors[0].to(features)
        stride = head.prior_generator.strides[0][0]
        ys = torch.arange(logits.shape[2], device=features.device) * stride
        xs = torch.arange(logits.shape[3], device=features.device) * stride
        ys, xs = torch.meshgrid(ys, xs, indexing='ij')
        shifts = torch.stack([xs, ys, xs, ys], dim=-1).reshape(-1, 1, 4)
        anchors = (shifts.to(base) + base).reshape(-1, 4)
        logits = logits[0].permute(1, 2, 0).reshape(-1)
        deltas = deltas[0].permute(1, 2, 0).reshape(-1, 4)
        logits, best = largest(logits, cfg.nms_pre)
        boxes = decode(head.bbox_coder, anchors[best], deltas[best], limit)
        sides = boxes[:, 2:] - boxes[:, :2]
        wide = (sides >= cfg.get('min_bbox_size', 0)).all(dim=1)
        boxes, logits = boxes[wide], logits[wide]
        kept = torchvision.ops.nms(boxes, logits, cfg.nms.iou_threshold)
        return boxes[kept[: cfg.max_per_img]]

    def pool(self, features: Tensor, boxes: Tensor) -> Tensor:
        """RoI features (N, C, h, w) of boxes (N, 4)."""
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
        return torchvision.ops.roi_align(features, rois, **self.pooling)


class ExportableAlignPS(ExportableDetector):
    """AlignPS: the finest map detects and embeds.

    Raises:
        UserError: If its map is centred over the picture without padding.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        if model.bbox_head.centering == 'image':
            raise UserError(
                "AlignPS with centering='image' is not exported: use "
                "'padded' or None"
            )

    def find(self, pixels: Tensor, limit: Tensor) -> Found:
        """See ``ExportableDetector.find``."""
        head, cfg = self.model.bbox_head, self.model.bbox_head.test_cfg
        levels = self.model.extract_maps(pixels).pyramid
        outs = head(levels)
        logits, sides, centerness, maps = (
            torch.cat([level[0].flatten(1) for level in out], dim=1)
            for out in outs
        )
        points = torch.cat(
            [
                centres(level, stride)
                for level, stride in zip(outs[0], head.strides)
            ]
        )
        scores = logits[0].sigmoid()
        products, index = largest(
            scores * centerness[0].sigmoid(), cfg.get('nms_pre', -1)
        )
        sure = scores[index] > cfg.get('score_thr', 0)
        products, index = products[sure], index[sure]
        left, top, right, bottom = sides[:, index].unbind(0)
        x, y = points[index].unbind(1)
        boxes = torch.stack([x - left, y - top, x + right, y + bottom], dim=1)
        boxes = torch.minimum(boxes.clamp(min=0), limit)
        kept = torchvision.ops.nms(boxes, products, cfg['nms'].iou_threshold)
        kept = kept[: cfg.max_per_img]
        embeddings = F.normalize(maps[:, index[kept]].t())
        return boxes[kept], products[kept], embeddings


def centres(level: Tensor, stride: int) -> Tensor:
    """Centres x, y (P, 2) in pixels of the locations of (1, C, H, W)."""
    ys = (torch.arange(level.shape[2], device=level.device) + 0.5) * stride
    xs = (torch.arange(level.shape[3], device=level.device) + 0.5) * stride
    ys, xs = torch.meshgrid(ys, xs, indexing='ij')
    return torch.stack([xs, ys], dim=-1).reshape(-1, 2)


def largest(values: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """The ``number`` greatest of (N,), all if negative, and their indices."""
    count = torch.as_tensor(values.shape[0])
    if number >= 0:
        count = torch.minimum(count, torch.tensor(number))
    return torch.topk(values, count)


def decode(coder, boxes: Tensor, deltas: Tensor, limit: Tensor) -> Tensor:
    """Boxes (N, 4) moved by deltas (N, 4), inside the picture."""
    moved = coder.decode(boxes, deltas)
    return torch.minimum(moved.clamp(min=0), limit)


def select(boxes: Tensor, scores: Tensor, cfg) -> Tensor:
    """Indices of the detections among (N, 4) boxes, best first."""
    sides = boxes[:, 2:] - boxes[:, :2]
    usable = (scores > cfg.score_thr) & (
        sides >= cfg.get('min_bbox_size', 0)
    ).all(dim=1)
    index = usable.nonzero().squeeze(1)
    kept = torchvision.ops.nms(
        boxes[index], scores[index], cfg.nms.iou_threshold
    )
    return index[kept[: cfg.max_per_img]]
