"""k-reciprocal re-ranking against sets and loops."""

import numpy as np
import pytest

from mmdet_ps.evaluation.search import average_precision, rank
from mmdet_ps.evaluation.search.k_reciprocal import reranked_distances
from mmdet_ps.evaluation.settings import SearchSettings

from ..random_world import random_world


def by_sets(vectors, k1, k2, weight):
    """The paper's formulas with Python sets."""
    count = len(vectors)
    d = np.maximum(1 - vectors @ vectors.T, 0)
    np.fill_diagonal(d, 0)
    d = d / d.max(axis=1, keepdims=True)

    def near(p, k):
        return list(np.argsort(d[p], kind='stable')[: k + 1])

    def mutual(p, k):
        return {g for g in near(p, k) if p in near(g, k)}

    weights = np.zeros((count, count))
    for p in range(count):
        wide = mutual(p, k1)
        for q in mutual(p, k1):
            half = mutual(q, max(1, round(k1 / 2)))
            if len(mutual(p, k1) & half) >= 2 / 3 * len(half):
                wide |= half
        for g in wide:
            weights[p, g] = np.exp(-d[p, g])
        weights[p] /= weights[p].sum()
    spread = np.array(
        [weights[near(p, k2 - 1)].mean(axis=0) for p in range(count)]
    )
    found = []
    for g in range(1, count):
        jaccard = 1 - (
            np.minimum(spread[0], spread[g]).sum()
            / np.maximum(spread[0], spread[g]).sum()
        )
        found.append((1 - weight) * jaccard + weight * d[0, g])
    return found


@pytest.mark.parametrize(('k1', 'k2'), [(4, 2), (6, 3), (5, 1)])
def test_equals_the_formulas(k1, k2):
    rng = np.random.default_rng(k1)
    for _ in range(20):
        vectors = rng.standard_normal((15, 6))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(
            reranked_distances(vectors, k1, k2, 0.3),
            by_sets(vectors, k1, k2, 0.3),
            atol=1e-12,
        )


def test_more_equal_detections_than_neighbours_have_a_distance():
    vectors = np.eye(4)[[0, 1, 1, 1, 1, 1, 2]]
    found = reranked_distances(vectors, 2, 2, 0.3)
    assert (np.isfinite(found) & (found >= 0) & (found <= 1)).all()


def test_the_original_distance_alone_changes_nothing():
    for seed in range(30):
        protocol, results = random_world(seed, exact=False)
        plain = SearchSettings(score_thr=0.0)
        same = plain.with_options(k_reciprocal=(5, 2, 1.0))
        for one, other in zip(
            rank(protocol, results, plain), rank(protocol, results, same)
        ):
            assert average_precision(one) == pytest.approx(
                average_precision(other)
            )
