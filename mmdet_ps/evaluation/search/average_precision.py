"""From rankings to average precision and top-k rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import Ranking

TOP_K = (1, 5, 10)


def average_precision(ranking: Ranking) -> float:
    """Mean precision at the hits, where a person not found counts as zero.

    AP = 1 / R * sum over the hits h of P(h), where R is the number of
    relevant entries and P(h) the share of hits among the detections that are
    at least as similar as h. Detections of equal similarity are therefore one
    step of the curve. This is the area under the stepped precision-recall
    curve, sum of (r_n - r_(n-1)) P_n, as scikit-learn defines
    ``average_precision_score``, times the share of relevant entries found.

    Args:
        ranking (Ranking): the ranked list of one query.

    Returns:
        float: in [0, 1]; 0 without a relevant entry.
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
    """Average precision of older scripts, which joined points by lines.

    The original MATLAB code of PRW (Zheng et al., CVPR 2017) and scikit-learn
    before 0.19 take the area under trapezoids: at the k-th hit the mean of
    the precision there, k / rank, and of the one just before it,
    (k - 1) / (rank - 1). This is for comparison with figures of that time.
    Ties are not treated as one step.

    Args:
        ranking (Ranking): the ranked list of one query.

    Returns:
        float: in [0, 1]; 0 without a relevant entry.
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
    """Whether one of the first ``k`` detections is right."""
    return ranking.first_hit is not None and ranking.first_hit <= k


@dataclass
class SearchScores:
    """The scores of every query of one protocol, and their means.

    Args:
        queries (ndarray): numbers of the queries that count, (n,) int64.
        average_precisions (ndarray): of each of them, (n,) float, in [0, 1].
        top (ndarray): whether a hit is among the first 1, 5 and 10 places,
            (n, 3) bool.
        recalls (ndarray): share of relevant entries that were found at all,
            (n,) float, in [0, 1].
        num_skipped (int): how many queries do not count.
    """

    queries: np.ndarray
    average_precisions: np.ndarray
    top: np.ndarray
    recalls: np.ndarray
    num_skipped: int = 0

    @classmethod
    def of(cls, rankings: Sequence[Ranking]) -> SearchScores:
        """Score the rankings of all queries; skipped ones are counted."""
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
        """The means over the queries that count.

        Returns:
            dict: ``mAP``, ``top1``, ``top5``, ``top10`` and ``recall`` in
            [0, 1]; all 0 where no query counts.
        """
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
