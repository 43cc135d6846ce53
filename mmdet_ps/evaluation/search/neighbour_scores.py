"""How well embeddings tell persons apart, without a protocol."""

from __future__ import annotations

import numpy as np

from .average_precision import precision_at_hits
from .query_embeddings import unit

# Bytes for one block of similarities. All of Market-1501's 19 281 test crops
# among each other would take 1.5 GB at once.
BLOCK_BYTES = 64 << 20


def neighbour_scores(
    embeddings: np.ndarray,
    person_ids: np.ndarray,
    block_bytes: int = BLOCK_BYTES,
) -> dict[str, float]:
    """Search every person among all other rows.

    Average precision as the evaluator computes it: rows of equal similarity
    are one step. A block of rows is searched at a time, so that memory does
    not grow with the square of their number.

    Args:
        embeddings (ndarray): what is searched, (N, D) float32, of any length;
            zeros are as far from everybody.
        person_ids (ndarray): who each row shows, (N,) int. Rows below 0 are
            distractors: wrong answers for everybody, never searched.
        block_bytes (int): memory for similarities at a time.

    Returns:
        ``mAP`` and ``top1`` in [0, 1], means over the rows that have a
        companion; 0 without such rows.
    """
    units = unit(np.asarray(embeddings, np.float32))
    groups = _groups(person_ids)
    searched = np.flatnonzero(
        [person >= 0 and len(groups[person]) > 1 for person in person_ids]
    )
    if not len(searched):
        return dict(mAP=0.0, top1=0.0)
    precisions, firsts = [], []
    size = max(1, block_bytes // (4 * len(units)))
    for start in range(0, len(searched), size):
        rows = searched[start : start + size]
        block = units[rows] @ units.T
        block[np.arange(len(rows)), rows] = -np.inf  # nobody finds itself
        for row, similarities in zip(rows, block):
            same = groups[person_ids[row]]
            hits = similarities[same[same != row]]
            ascending = np.sort(similarities)
            counts = len(units) - np.searchsorted(ascending, hits, 'left')
            precisions.append(precision_at_hits(counts).mean())
            firsts.append(person_ids[similarities.argmax()] == person_ids[row])
    return dict(mAP=float(np.mean(precisions)), top1=float(np.mean(firsts)))


def _groups(person_ids: np.ndarray) -> dict[int, np.ndarray]:
    """The rows of each person, ascending."""
    order = np.argsort(person_ids, kind='stable')
    persons, starts = np.unique(person_ids[order], return_index=True)
    return dict(zip(persons.tolist(), np.split(order, starts[1:])))
