"""How sure a score is, and whether two models differ.

Queries are drawn with replacement (bootstrap): the interval tells how much
the mean would move with other queries of the same kind. Two models are
compared query by query, because both find the same queries hard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LEVEL = 0.95


def bootstrap_means(
    values: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """(draws,) means of as many values (n,), drawn with replacement."""
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
    """Lower and upper end of the mean of per-query values (n,)."""
    outside = (1 - level) / 2
    low, high = np.quantile(
        bootstrap_means(values, draws, seed), [outside, 1 - outside]
    )
    return float(low), float(high)


@dataclass
class Comparison:
    """The difference of two models on the same queries.

    Args:
        difference: Mean of second minus first.
        interval: Bootstrap interval of it.
        p_value: How often a difference this great would arise if it were
            chance which model is which, query by query.
        num_queries: Queries compared.
        num_better: Queries the second model is better on.
        num_worse: Queries it is worse on.
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
    """Compare per-query values (n,) of two models.

    The test flips the sign of the difference of each query at random, two
    sided; it assumes nothing about how the values are distributed.
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
