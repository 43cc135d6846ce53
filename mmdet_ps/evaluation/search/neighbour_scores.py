"""How well embeddings tell persons apart, without a protocol."""

from __future__ import annotations

import numpy as np


def neighbour_scores(
    embeddings: np.ndarray, person_ids: np.ndarray
) -> dict[str, float]:
    """Every row searched among all the others.

    Args:
        embeddings: (N, D), of any length; zeros find nothing.
        person_ids: (N,); rows below 0 are distractors and no queries.

    Returns:
        ``mAP`` and ``top1`` over the rows that have a companion; 0 if none.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings / np.maximum(lengths, 1e-12)
    similarities = units @ units.T
    np.fill_diagonal(similarities, -np.inf)
    order = np.argsort(-similarities, axis=1, kind='stable')[:, :-1]
    hits = person_ids[order] == person_ids[:, None]
    hits = hits[(person_ids >= 0) & hits.any(axis=1)]
    if not len(hits):
        return dict(mAP=0.0, top1=0.0)
    ranks = np.arange(1, hits.shape[1] + 1)
    precisions = np.cumsum(hits, axis=1) / ranks
    average = (precisions * hits).sum(axis=1) / hits.sum(axis=1)
    return dict(mAP=float(average.mean()), top1=float(hits[:, 0].mean()))
