"""k-reciprocal re-ranking of a short list (Zhong et al., CVPR 2017).

Two detections of one person tend to be among each other's nearest
neighbours. Distances are mixed with the Jaccard distance of the sets of such
neighbours, among the first detections of the list and the query alone.
"""

from __future__ import annotations

import numpy as np


def nearest(distances: np.ndarray, k: int) -> np.ndarray:
    """(n, n) bool, True for the k nearest of each row and itself."""
    k = min(k + 1, len(distances))
    order = np.argsort(distances, axis=1, kind='stable')[:, :k]
    mask = np.zeros(distances.shape, bool)
    np.put_along_axis(mask, order, True, axis=1)
    return mask


def reciprocal_sets(distances: np.ndarray, k: int) -> np.ndarray:
    """(n, n) bool, the expanded sets R* of the paper by row."""
    whole = nearest(distances, k)
    whole &= whole.T
    half = nearest(distances, max(1, round(k / 2)))
    half &= half.T
    shared = whole.astype(np.float32) @ half.T.astype(np.float32)
    joins = whole & (shared >= 2 / 3 * half.sum(axis=1))
    return whole | (joins.astype(np.float32) @ half > 0)


def reranked_distances(
    vectors: np.ndarray, k1: int, k2: int, weight: float
) -> np.ndarray:
    """Distances of the first vector to the others, mixed.

    Args:
        vectors: (1 + n, D) unit vectors, the query first.
        k1: Neighbours that make the sets.
        k2: Neighbours whose sets are averaged.
        weight: Share of the original distance.

    Returns:
        (n,) in [0, 1].
    """
    distances = np.maximum(1 - vectors @ vectors.T, 0)
    np.fill_diagonal(distances, 0)
    distances /= np.maximum(distances.max(axis=1, keepdims=True), 1e-12)
    weights = np.where(reciprocal_sets(distances, k1), np.exp(-distances), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    near = nearest(distances, k2 - 1).astype(weights.dtype)
    weights = near @ weights / near.sum(axis=1, keepdims=True)
    common = np.minimum(weights[0], weights[1:]).sum(axis=1)
    jaccard = 1 - common / (2 - common)
    return (1 - weight) * jaccard + weight * distances[0, 1:]
