"""Which detections overlap a person enough to find that person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol
from mmdet_ps.structures.boxes import paired_iou

from ..settings import SearchSettings
from .rounding import rounded_corners


def hit_thresholds(bboxes: np.ndarray, rule: str) -> np.ndarray:
    """The overlap with each box that a detection needs to be a hit.

    Small boxes need less than 0.5, as in the protocol of CUHK-SYSU (Xiao et
    al., CVPR 2017): min(0.5, w h / ((w + 10) (h + 10))), which is the overlap
    that is left when a box is 10 pixels too wide and too high.

    Args:
        bboxes (ndarray): annotated boxes, (N, 4) xyxy, pixels.
        rule (str): ``size-aware`` for the above, or ``0.5``.

    Returns:
        ndarray: (N,) float IoU, at most 0.5.
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
    """Pair each entry with every box of its image.

    Args:
        images (ndarray): image of each entry, (R,) int.
        offsets (ndarray): where the boxes of each image begin, (I + 1,) int.

    Returns:
        tuple: number of the entry and number of the box of each pair, two
        arrays (P,) int, sorted by entry, then by box.
    """
    starts, counts = offsets[images], offsets[images + 1] - offsets[images]
    entries = np.repeat(np.arange(len(images)), counts)
    firsts = np.cumsum(counts) - counts
    boxes = np.arange(len(entries)) + np.repeat(starts - firsts, counts)
    return entries, boxes


def best_partner(
    owners: np.ndarray, others: np.ndarray, value: np.ndarray, count: int
) -> np.ndarray:
    """The partner of the highest value for each owner.

    Of partners of equal value, the one with the lowest number is taken.

    Args:
        owners (ndarray): owner of each pair, (P,) int, below ``count``.
        others (ndarray): partner of each pair, (P,) int.
        value (ndarray): what each pair is worth, (P,) float.
        count (int): how many owners there are.

    Returns:
        ndarray: the partner of each owner, (count,) int; -1 without one.
    """
    order = np.lexsort((others, -value, owners))
    found, first = np.unique(owners[order], return_index=True)
    best = np.full(count, -1)
    best[found] = others[order][first]
    return best


@dataclass
class Candidates:
    """The detections that overlap the right answers of a protocol enough.

    Args:
        bboxes (ndarray): boxes of the right answers after rounding, (R, 4)
            float64 xyxy, pixels.
        detections (ndarray): detection of each pair, (P,) int, sorted by
            right answer.
        entries (ndarray): right answer of each pair, (P,) int.
        offsets (ndarray): where the pairs of each right answer begin,
            (R + 1,) int.
        repeated (ndarray): whether the image of a right answer came up before
            for the same query, (R,) bool.
    """

    bboxes: np.ndarray
    detections: np.ndarray
    entries: np.ndarray
    offsets: np.ndarray
    repeated: np.ndarray

    def of_entry(self, entry: int) -> np.ndarray:
        """The detections that overlap one right answer enough, (n,) int."""
        return self.detections[self.offsets[entry] : self.offsets[entry + 1]]


def find_candidates(
    protocol: SearchProtocol, gallery: PersonBoxes, settings: SearchSettings
) -> Candidates:
    """Match detections with right answers by overlap alone.

    Which of the candidates is the hit depends on the similarities, which
    differ from query to query.

    Args:
        protocol (SearchProtocol): has the right answers.
        gallery (PersonBoxes): the detections.
        settings (SearchSettings): how boxes are rounded and how much they
            must overlap.
    """
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
