"""Overlap of boxes, and which detections could find a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol
from mmdet_ps.structures.boxes import paired_iou

from ..settings import SearchSettings
from .rounding import rounded_corners


def hit_thresholds(bboxes: np.ndarray, rule: str) -> np.ndarray:
    """IoU a detection needs to find the person in each box (N, 4), (N,).

    Small boxes need less: min(0.5, w h / ((w + 10) (h + 10))).
    """
    if rule == '0.5':
        return np.full(len(bboxes), 0.5)
    width, height = (bboxes[:, 2:] - bboxes[:, :2]).T
    padded = (width + 10) * (height + 10)
    ratio = np.divide(
        width * height, padded, out=np.zeros(len(bboxes)), where=padded > 0
    )
    return np.minimum(0.5, ratio)


def ragged_pairs(
    images: np.ndarray, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every box of the image of each entry.

    Args:
        images: (R,) image of each entry.
        offsets: (I + 1,) boxes of each image.

    Returns:
        (P,) entry and (P,) box of each pair, by entry, then by box.
    """
    starts, counts = offsets[images], offsets[images + 1] - offsets[images]
    entries = np.repeat(np.arange(len(images)), counts)
    firsts = np.cumsum(counts) - counts
    boxes = np.arange(len(entries)) + np.repeat(starts - firsts, counts)
    return entries, boxes


def best_partner(
    owners: np.ndarray, others: np.ndarray, value: np.ndarray, count: int
) -> np.ndarray:
    """For each owner, the partner of highest value; the first among equals.

    Args:
        owners: (P,) of each pair, in [0, count).
        others: (P,) its partner.
        value: (P,) of the pair.
        count: How many owners there are.

    Returns:
        (count,) partners, -1 for an owner without pairs.
    """
    order = np.lexsort((others, -value, owners))
    found, first = np.unique(owners[order], return_index=True)
    best = np.full(count, -1)
    best[found] = others[order][first]
    return best


@dataclass
class Candidates:
    """Detections that overlap the relevant boxes of a protocol enough.

    Args:
        bboxes: (R, 4) the relevant boxes as compared, xyxy.
        detections: (P,) detection of each pair, by relevant entry.
        entries: (P,) its relevant entry.
        offsets: (R + 1,) pairs of each relevant entry.
        repeated: (R,) bool, the image came up before for the same query.
    """

    bboxes: np.ndarray
    detections: np.ndarray
    entries: np.ndarray
    offsets: np.ndarray
    repeated: np.ndarray

    def of_entry(self, entry: int) -> np.ndarray:
        """Detections that overlap the box of one relevant entry enough."""
        return self.detections[self.offsets[entry] : self.offsets[entry + 1]]


def find_candidates(
    protocol: SearchProtocol, gallery: PersonBoxes, settings: SearchSettings
) -> Candidates:
    """Match detections with relevant boxes; similarity plays no part yet."""
    images = protocol.relevant_images
    sizes = protocol.image_sizes
    bboxes = rounded_corners(
        protocol.relevant_boxes,
        settings.rounding,
        'gallery',
        None if sizes is None else sizes[images],
    )
    entries, boxes = ragged_pairs(images, gallery.offsets)
    overlap = paired_iou(gallery.bboxes[boxes], bboxes[entries])
    enough = overlap >= hit_thresholds(bboxes, settings.iou_rule)[entries]
    entries, boxes = entries[enough], boxes[enough]
    counts = np.bincount(entries, minlength=len(images))
    queries = np.repeat(
        np.arange(protocol.num_queries), np.diff(protocol.relevant_offsets)
    )
    keys = queries * max(len(protocol.images), 1) + images
    repeated = np.ones(len(images), bool)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return Candidates(
        bboxes,
        boxes,
        entries,
        np.concatenate([[0], np.cumsum(counts)]),
        repeated,
    )
