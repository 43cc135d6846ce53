"""k-reciprocal re-ranking of a short list (Zhong et al., CVPR 2017).

Two detections of one person tend to be among each other's nearest
neighbours. Distances are mixed with the Jaccard distance of the sets of such
neighbours. The paper does that for the whole gallery; here only the query and
the first detections of its list take part. Letters are those of the paper.
"""

from __future__ import annotations

import numpy as np


def nearest(distances: np.ndarray, k: int) -> np.ndarray:
    """Which are the k nearest of each row, and the row itself: N(p, k).

    Args:
        distances (ndarray): between all pairs, (n, n) float.
        k (int): how many neighbours.

    Returns:
        ndarray: (n, n) bool.
    """
    k = min(k + 1, len(distances))
    # Each row comes first in its own list, whoever else is as near.
    distances = distances - np.eye(len(distances))
    order = np.argsort(distances, axis=1, kind='stable')[:, :k]
    mask = np.zeros(distances.shape, bool)
    np.put_along_axis(mask, order, True, axis=1)
    return mask


def reciprocal_sets(distances: np.ndarray, k: int) -> np.ndarray:
    """The expanded sets R*(p, k) of reciprocal neighbours.

    R(p, k) holds the g among N(p, k) with p among N(g, k). The set R(q, k/2)
    of each q in it joins if two thirds of it are in R(p, k) already.

    Args:
        distances (ndarray): between all pairs, (n, n) float.
        k (int): neighbours that make the sets, k1 of the paper.

    Returns:
        ndarray: (n, n) bool, a set in each row.
    """
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
    """The final distances of the query to the others.

    d* = (1 - lambda) d_J + lambda d, where d_J = 1 - sum min(V_p, V_g) / sum
    max(V_p, V_g) is the Jaccard distance of the sets R*, whose members have
    the weights V = exp(-d), averaged over the k2 nearest neighbours. Weights
    sum to 1 here, so that the sum of the greater is 2 minus that of the
    smaller.

    Args:
        vectors (ndarray): unit vectors, the query first, (1 + n, D) float.
        k1 (int): neighbours that make the sets.
        k2 (int): neighbours whose sets are averaged.
        weight (float): share of the original distance, lambda of the paper.

    Returns:
        ndarray: (n,) float, in [0, 1].
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
