"""The rankings of all queries, with all that pictures of them need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .ranking import Ranking


@dataclass
class RankedQueries:
    """The scored rankings of one protocol and one feature set.

    Args:
        rankings (Sequence[Ranking]): one per query, Q in all.
        average_precisions (ndarray): of each query, (Q,) float, in [0, 1].
        image_paths (Sequence[str]): the files of all images of the protocol,
            in its order.
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
        """The numbers of the queries that are not skipped, (C,) int."""
        used = [not ranking.skipped for ranking in self.rankings]
        return np.flatnonzero(used)

    def best(self, number: int) -> list[int]:
        """The queries of the highest average precision, best first.

        Of equally good ones, those with more appearances to find come first:
        it is harder to find many.
        """
        return self._order(-self.average_precisions)[:number]

    def worst(self, number: int) -> list[int]:
        """The queries of the lowest average precision, worst first."""
        return self._order(self.average_precisions)[:number]

    def sample(self, number: int, seed: int = 0) -> list[int]:
        """Some queries drawn at random, in ascending order."""
        counted = self.counted
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(len(counted))[:number]
        return sorted(counted[drawn].tolist())

    def title(self, query: int) -> str:
        """A line that says how the search of a query went."""
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
