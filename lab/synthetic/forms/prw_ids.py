"""The identity numbers of PRW with their real gaps."""

from dataclasses import dataclass

import numpy as np

# 483 training identities; the numbers are not contiguous.
ALL_TRAIN = (*range(1, 479), *range(480, 484), 932)
ALL_TEST = (479, *range(484, 932), 933)
MUST_TRAIN = (1, 2, 478, 480, 483, 932)
MUST_TEST = (479, 484, 931, 933)


@dataclass(frozen=True)
class PRWIds:
    train: list[int]
    test: list[int]
    reappearing: list[int]  # training identities seen again in test frames


def _sample(
    rng: np.random.Generator,
    everything: tuple[int, ...],
    must: tuple[int, ...],
    count: int,
) -> list[int]:
    """`count` numbers, the telling ones first to be kept, sorted."""
    rest = [number for number in everything if number not in must]
    free = max(0, count - len(must))
    chosen = rng.choice(rest, min(free, len(rest)), replace=False)
    return sorted([*must[:count], *chosen.tolist()])


def choose_ids(
    rng: np.random.Generator, num_train: int, num_test: int
) -> PRWIds:
    train = _sample(rng, ALL_TRAIN, MUST_TRAIN, num_train)
    test = _sample(rng, ALL_TEST, MUST_TEST, num_test)
    again = rng.choice(train, max(2, num_train // 8), replace=False)
    return PRWIds(train, test, sorted(again.tolist()))
