"""Groups of crops of one identity, as samplers deal them out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def identity_units(
    groups: list[np.ndarray], count: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """``count`` crops of one identity; every identity once each time round."""
    while True:
        for identity in rng.permutation(len(groups)):
            yield draw(groups[identity], count, rng)


def draw(group: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """``count`` members of a group, repeated only where there are fewer."""
    rounds = -(-count // len(group))
    drawn = np.concatenate([rng.permutation(group) for _ in range(rounds)])
    return drawn[:count].tolist()


def identity_groups(person_ids: np.ndarray) -> list[np.ndarray]:
    """Indices of the crops of each labelled identity, ascending ids."""
    person_ids = np.asarray(person_ids)
    labelled = np.flatnonzero(person_ids >= 0)
    order = labelled[np.argsort(person_ids[labelled], kind='stable')]
    starts = np.flatnonzero(np.diff(person_ids[order])) + 1
    return np.split(order, starts) if len(order) else []
