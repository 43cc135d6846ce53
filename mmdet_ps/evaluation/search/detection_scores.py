"""Detection scores as person-search papers print them next to search.

A detection is right where it and an annotated box overlap each other most
and by an IoU of at least 0.5. This is matching by overlap, not the greedy
matching by score of COCO.
"""

from __future__ import annotations

import numpy as np

from mmdet_ps.structures import PersonBoxes
from mmdet_ps.structures.boxes import paired_iou

from .box_matching import best_partner, ragged_pairs

HIT_IOU = 0.5


def correct_detections(
    detections: PersonBoxes, given: PersonBoxes
) -> np.ndarray:
    """Which detections and annotated boxes overlap each other most.

    Args:
        detections (PersonBoxes): G detections of I images.
        given (PersonBoxes): the annotated boxes of the same images.

    Returns:
        ndarray: (G,) bool, True also needs an overlap of ``HIT_IOU``.
    """
    entries, boxes = ragged_pairs(given.image_of, detections.offsets)
    overlap = paired_iou(
        detections.bboxes[boxes], given.bboxes[entries]
    ).astype(np.float32)
    best_box = best_partner(entries, boxes, overlap, len(given))
    best_entry = best_partner(boxes, entries, overlap, len(detections))
    mutual = (
        (best_box[entries] == boxes)
        & (best_entry[boxes] == entries)
        & (overlap >= HIT_IOU)
    )
    correct = np.zeros(len(detections), bool)
    correct[boxes[mutual]] = True
    return correct


def detection_scores(
    detections: PersonBoxes,
    given: PersonBoxes,
    score_thr: float = 0.0,
    labelled_only: bool = False,
) -> dict[str, float]:
    """Average precision and recall of detected boxes.

    Args:
        detections (PersonBoxes): with scores.
        given (PersonBoxes): the annotated boxes of the same images; their
            ``person_ids`` tell who is labelled.
        score_thr (float): detections of a lower score do not count.
        labelled_only (bool): only persons with a known identity are to be
            found. The others then count as background, so that the average
            precision says little.

    Returns:
        dict: ``AP``, the stepped average precision times recall, and
        ``recall``, both in [0, 1].
    """
    detections = detections.keep(detections.scores >= score_thr)
    if labelled_only:
        known = given.person_ids
        given = given.keep(
            np.zeros(len(given), bool) if known is None else known >= 0
        )
        # Published scripts leave out images without a labelled person.
        seen = np.diff(given.offsets) > 0
        detections = detections.keep(seen[detections.image_of])
    if len(given) == 0:
        return dict(AP=0.0, recall=0.0)
    correct = correct_detections(detections, given)
    recall = correct.sum() / len(given)
    return dict(
        AP=float(step_precision(detections.scores, correct) * recall),
        recall=float(recall),
    )


def step_precision(scores: np.ndarray, correct: np.ndarray) -> float:
    """The mean precision at the correct detections.

    Detections of equal score are one step of the curve.

    Args:
        scores (ndarray): detection scores, (G,) float, in any order.
        correct (ndarray): which detections are right, (G,) bool.
    """
    if not correct.any():
        return 0.0
    falling, hits = np.sort(-scores), np.sort(-scores[correct])
    counts = np.searchsorted(falling, hits, 'right')
    return float((np.searchsorted(hits, hits, 'right') / counts).mean())
