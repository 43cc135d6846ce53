"""Overlap of boxes in numpy arrays."""

from __future__ import annotations

import numpy as np


def paired_iou(
    first: np.ndarray, second: np.ndarray, extra: float = 0.0
) -> np.ndarray:
    """Intersection over union of boxes, pair by pair.

    Args:
        first (ndarray): xyxy boxes, (..., 4), pixels.
        second (ndarray): xyxy boxes of a shape that broadcasts with it.
        extra (float): added to every width and height; 1 for the convention
            in which the corner pixels belong to the box.

    Returns:
        ndarray: (...) float64 in [0, 1]; 0 where neither box has an area.
    """
    first = np.asarray(first, np.float64)
    second = np.asarray(second, np.float64)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    inter = np.prod(np.maximum(high - low + extra, 0), axis=-1)
    areas = [
        np.prod(boxes[..., 2:] - boxes[..., :2] + extra, axis=-1)
        for boxes in (first, second)
    ]
    union = areas[0] + areas[1] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of every box of one list with every other.

    Args:
        first (ndarray): xyxy boxes, (N, 4), pixels.
        second (ndarray): xyxy boxes, (M, 4), pixels.

    Returns:
        ndarray: (N, M) float64 in [0, 1].
    """
    first, second = (
        np.asarray(boxes, np.float64).reshape(-1, 4)
        for boxes in (first, second)
    )
    return paired_iou(first[:, None], second[None])
