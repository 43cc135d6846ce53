"""Non-maximum suppression for ``mmcv.ops.nms`` and ``soft_nms``."""

import torch
from torch import Tensor

from .precision import at_least_float32

NAIVE, LINEAR, GAUSSIAN = range(3)


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int
) -> Tensor:
    """Non-maximum suppression.

    Args:
        boxes (Tensor): Corners x1, y1, x2, y2, (N, 4), pixels.
        scores (Tensor): (N,).
        iou_threshold: A box that overlaps a better one by more is left out.
        offset: 1 where x2 and y2 are the last pixel inside the box, else 0.

    Returns:
        Indices (K,) int64 of the boxes kept, best score first.
    """
    corners = _half_open(at_least_float32(boxes.detach()), offset)
    scores = at_least_float32(scores.detach())
    return torch.ops.torchvision.nms(corners, scores, float(iou_threshold))


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS (Bodla et al., arXiv 1704.04503): overlaps lose score.

    Args:
        boxes (Tensor): Corners x1, y1, x2, y2, (N, 4), pixels.
        scores (Tensor): (N,).
        dets (Tensor): (N, 5); the boxes kept, with their new scores, are
            written to its first K rows.
        iou_threshold: Overlap at which the linear decay begins.
        sigma: Width of the Gaussian decay.
        min_score: A box whose score falls below is left out.
        method: ``NAIVE``, ``LINEAR`` or ``GAUSSIAN`` decay.
        offset: 1 where x2 and y2 are the last pixel inside the box, else 0.

    Returns:
        Indices (K,) int64 of the boxes kept, in the order of their choice.
    """
    corners = _half_open(at_least_float32(boxes.detach()), offset)
    scores = at_least_float32(scores.detach()).clone()
    left = torch.arange(len(scores))
    kept: list[int] = []
    while len(left):
        best = int(scores[left].argmax())
        index = int(left[best])
        dets[len(kept), :4] = boxes[index].detach()
        dets[len(kept), 4] = scores[index]
        kept.append(index)
        left = torch.cat((left[:best], left[best + 1 :]))
        overlap = _iou(corners[index], corners[left])
        scores[left] *= _decay(overlap, iou_threshold, sigma, method)
        left = left[scores[left] >= min_score]
    return torch.tensor(kept, dtype=torch.long)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups of boxes: one that is kept, and those that it suppresses.

    Args:
        dets (Tensor): Corners and score, (N, 5), pixels.
        iou_threshold: A box that overlaps the kept one by more joins it.
    """
    dets = at_least_float32(dets.detach())
    left = dets[:, 4].argsort(descending=True, stable=True)
    groups = []
    while len(left):
        overlap = _iou(dets[left[0], :4], dets[left, :4])
        same = overlap > iou_threshold
        same[0] = True
        groups.append(left[same].tolist())
        left = left[~same]
    return groups


def _half_open(boxes: Tensor, offset: int) -> Tensor:
    """Boxes whose x2 and y2 are the first pixel outside."""
    return boxes + boxes.new_tensor([0, 0, offset, offset])


def _iou(box: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union (N,) of a box (4,) with (N, 4)."""
    upper_left = torch.maximum(box[:2], boxes[:, :2])
    lower_right = torch.minimum(box[2:], boxes[:, 2:])
    inter = (lower_right - upper_left).clamp(min=0).prod(-1)
    area = (box[2:] - box[:2]).prod()
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return inter / (area + areas - inter)


def _decay(
    overlap: Tensor, iou_threshold: float, sigma: float, method: int
) -> Tensor:
    """Factor (N,) on the scores of boxes with this overlap (N,)."""
    if method == GAUSSIAN:
        return torch.exp(-(overlap**2) / sigma)
    suppressed = overlap >= iou_threshold
    remainder = 1 - overlap if method == LINEAR else torch.zeros_like(overlap)
    return torch.where(suppressed, remainder, torch.ones_like(overlap))
