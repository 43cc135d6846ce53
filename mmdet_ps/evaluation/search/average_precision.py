"""From rankings to average precision and top-k rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import Ranking

TOP_K = (1, 5, 10)


def average_precision(ranking: Ranking) -> float:
    """Mean precision at the hits, where a person not found counts as zero.

    Detections of equal similarity are one step of the curve: the precision
    at a hit counts all of them. This is scikit-learn's average precision
    times the share of relevant entries that were found.
    """
    if ranking.num_relevant == 0:
        return 0.0
    precisions = precision_at_hits(ranking.hit_counts)
    return float(precisions.sum() / ranking.num_relevant)


def precision_at_hits(hit_counts: np.ndarray) -> np.ndarray:
    """(H,) share of hits among all that are at least as similar as each hit.

    Args:
        hit_counts (ndarray): how many detections, the hit itself among them,
            are at least as similar as it, (H,) int.
    """
    counts = np.sort(hit_counts)
    return np.searchsorted(counts, counts, 'right') / counts


def trapezoid_precision(ranking: Ranking) -> float:
    """Average precision of older scripts: neighbouring precisions averaged.

    The original MATLAB code of PRW and scikit-learn before 0.19 join the
    points of the curve by straight lines. Only for comparison with figures
    of that time; ties are not treated as one step.
    """
    if ranking.num_relevant == 0:
        return 0.0
    ranks = np.sort(ranking.hit_ranks).astype(np.float64)
    found = np.arange(1, len(ranks) + 1)
    before = np.divide(
        found - 1, ranks - 1, out=np.ones(len(ranks)), where=ranks > 1
    )
    return float((before + found / ranks).sum() / 2 / ranking.num_relevant)


def found_within(ranking: Ranking, k: int) -> bool:
    """Is one of the first ``k`` detections right?"""
    return ranking.first_hit is not None and ranking.first_hit <= k


@dataclass
class SearchScores:
    """Scores of the queries of one protocol, means on demand.

    Args:
        queries: (n,) indices of the queries that count.
        average_precisions: (n,) in [0, 1].
        top: (n, 3) bool for the first 1, 5, 10 places.
        recalls: (n,) share of relevant entries found at all.
        num_skipped: Queries that do not count.
    """

    queries: np.ndarray
    average_precisions: np.ndarray
    top: np.ndarray
    recalls: np.ndarray
    num_skipped: int = 0

    @classmethod
    def of(cls, rankings: Sequence[Ranking]) -> SearchScores:
        counted = [ranking for ranking in rankings if not ranking.skipped]
        return cls(
            np.array([ranking.query for ranking in counted], np.int64),
            np.array([average_precision(ranking) for ranking in counted]),
            np.array(
                [
                    [found_within(ranking, k) for k in TOP_K]
                    for ranking in counted
                ],
                bool,
            ).reshape(-1, len(TOP_K)),
            np.array(
                [
                    len(ranking.hit_ranks) / ranking.num_relevant
                    for ranking in counted
                ]
            ),
            len(rankings) - len(counted),
        )

    def means(self) -> dict[str, float]:
        """mAP, top1, top5, top10, recall in [0, 1]; 0 without queries."""
        if not len(self.queries):
            return dict.fromkeys(
                ('mAP', 'top1', 'top5', 'top10', 'recall'), 0.0
            )
        rates = self.top.mean(axis=0)
        return dict(
            mAP=float(self.average_precisions.mean()),
            **{f'top{k}': float(rate) for k, rate in zip(TOP_K, rates)},
            recall=float(self.recalls.mean()),
        )
