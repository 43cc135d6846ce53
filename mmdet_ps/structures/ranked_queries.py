"""The rankings of all queries, with what pictures of them need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ranking import Ranking


@dataclass
class RankedQueries:
    """Scored rankings of one protocol and one feature set.

    Args:
        rankings: One per query.
        average_precisions: (Q,) of them, in [0, 1].
        image_paths: Files of all images of the protocol, in its order.
    """

    rankings: Sequence[Ranking]
    average_precisions: np.ndarray
    image_paths: Sequence[str]

    def __post_init__(self) -> None:
        self.average_precisions = np.asarray(self.average_precisions)
        if len(self.rankings) != len(self.average_precisions):
            raise ValueError(
                f'{len(self.rankings)} rankings but '
                f'{len(self.average_precisions)} average precisions'
            )

    @property
    def counted(self) -> np.ndarray:
        """(C,) numbers of the queries that are not skipped."""
        used = [not ranking.skipped for ranking in self.rankings]
        return np.flatnonzero(used)

    def best(self, number: int) -> list[int]:
        """Queries of the highest average precision, best first.

        Of equal ones those with more to find come first: they say more.
        """
        return self._order(-self.average_precisions)[:number]

    def worst(self, number: int) -> list[int]:
        """Queries of the lowest average precision, worst first."""
        return self._order(self.average_precisions)[:number]

    def sample(self, number: int, seed: int = 0) -> list[int]:
        """Queries drawn at random, in ascending order."""
        counted = self.counted
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(len(counted))[:number]
        return sorted(counted[drawn].tolist())

    def title(self, query: int) -> str:
        """A line on how the search of a query went."""
        ranking = self.rankings[query]
        first = ranking.first_hit
        where = 'never found' if first is None else f'first at rank {first}'
        return (
            f'query {query}: average precision '
            f'{100 * self.average_precisions[query]:.1f}, '
            f'{len(ranking.hit_ranks)} of {ranking.num_relevant} appearances '
            f'detected, {where}'
        )

    def _order(self, keys: np.ndarray) -> list[int]:
        counted = self.counted
        relevant = np.array([r.num_relevant for r in self.rankings])
        order = np.lexsort((-relevant[counted], keys[counted]))
        return counted[order].tolist()
