"""How sure a score is, and whether two models differ.

An interval tells how much a mean would move with other queries of the same
kind. It is a bootstrap interval (Efron, 1979): queries are drawn from those
there are, with replacement, again and again. Two models are compared query by
query, because a query that is hard for one is mostly hard for the other, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LEVEL = 0.95


def bootstrap_means(
    values: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """The means of values that are drawn with replacement, again and again.

    Args:
        values (ndarray): (n,) float, of which n are drawn each time.
        draws (int): how often.
        seed (int): of the drawing.

    Returns:
        ndarray: (draws,) float64.
    """
    count = len(values)
    if count == 0:
        return np.zeros(draws)
    times = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / count), size=draws
    )
    return times @ np.asarray(values, np.float64) / count


def confidence_interval(
    values: np.ndarray, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """The interval that holds the mean of per-query values.

    Args:
        values (ndarray): one per query, (n,) float.
        draws (int): how often queries are drawn.
        level (float): how likely the interval should hold the mean.
        seed (int): of the drawing.

    Returns:
        tuple: lower and upper end.
    """
    outside = (1 - level) / 2
    low, high = np.quantile(
        bootstrap_means(values, draws, seed), [outside, 1 - outside]
    )
    return float(low), float(high)


@dataclass
class Comparison:
    """The difference of two models on the same queries.

    Args:
        difference (float): the mean score of the second model minus that of
            the first.
        interval (tuple): bootstrap interval of the difference.
        p_value (float): if the two models were equally good, how likely a
            difference at least this great would be, in either direction.
        num_queries (int): how many queries were compared.
        num_better (int): on how many of them the second model is better.
        num_worse (int): on how many it is worse.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    num_queries: int
    num_better: int
    num_worse: int


def compare_paired(
    first: np.ndarray, second: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Compare the scores of two models on the same queries.

    The p-value is that of a sign-flip (permutation) test (Fisher, 1935). If
    the models were equally good, the difference on each query could as well
    have the other sign. So signs are drawn at random many times, and the
    p-value is the share of draws whose mean is at least as far from zero as
    the mean that was measured. Nothing is assumed of how scores are
    distributed.

    Args:
        first (ndarray): score of each query, (n,) float.
        second (ndarray): score of the same queries by the other model.
        draws (int): how often signs are drawn.
        seed (int): of the drawing.
    """
    gain = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    count = len(gain)
    if count == 0:
        return Comparison(0.0, (0.0, 0.0), 1.0, 0, 0, 0)
    rng = np.random.default_rng(seed)
    mean = float(gain.mean())
    extreme = 0
    for _ in range(draws):
        signs = rng.integers(0, 2, count) * 2 - 1
        extreme += abs((signs * gain).mean()) >= abs(mean) - 1e-12
    return Comparison(
        mean,
        confidence_interval(gain, draws, seed=seed),
        (extreme + 1) / (draws + 1),
        count,
        int((gain > 0).sum()),
        int((gain < 0).sum()),
    )
