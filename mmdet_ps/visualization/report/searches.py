"""Two models side by side on the same queries, and what went wrong."""

from collections.abc import Sequence

import numpy as np

from ...structures import RankedQueries
from ..search_picture import Look, draw_ranking
from .page import figure, group, heading

# Wide enough to judge persons by eye, narrow enough for a screen.
LOOK = Look(top_k=6, max_missed=2, cell_height=150)


def telling_queries(
    first: RankedQueries, second: RankedQueries, number: int = 2
) -> list[tuple[str, int]]:
    """Choose queries that show how two models differ.

    Args:
        first: Rankings of the first model.
        second: Rankings of the second one, of the same queries.
        number: How many with the largest gain of the second model, and about
            as many drawn at random; one with the largest loss is added.

    Returns:
        Why each query was chosen, and its number.
    """
    gains = second.average_precisions - first.average_precisions
    counted = second.counted
    order = counted[np.argsort(-gains[counted], kind='stable')].tolist()
    chosen = {}
    for query in order[:number]:
        chosen.setdefault(query, 'largest gain')
    for query in second.sample(2 * number):
        if len(chosen) < 2 * number:
            chosen.setdefault(query, 'drawn at random')
    if order and gains[order[-1]] < 0:
        chosen.setdefault(order[-1], 'largest loss')
    return [(why, query) for query, why in chosen.items()]


def side_by_side(
    runs: Sequence[tuple[str, RankedQueries]], queries: list[tuple[str, int]]
) -> str:
    """Pictures of the same queries for every run, as HTML.

    Args:
        runs: Name and rankings of each run.
        queries: As :func:`telling_queries` returns them.
    """
    parts = []
    for why, query in queries:
        pictures = [
            figure(
                draw_ranking(
                    ranked.rankings[query],
                    ranked.image_paths,
                    f'{name}  ·  {short_title(ranked, query)}',
                    LOOK,
                )
            )
            for name, ranked in runs
        ]
        parts.append(heading(f'Query {query}: {why}'))
        parts.append(group('pair', *pictures))
    return ''.join(parts)


def worst_searches(ranked: RankedQueries, number: int) -> str:
    """Pictures of the queries of the lowest average precision, as HTML."""
    return group(
        'pair',
        *[
            figure(
                draw_ranking(
                    ranked.rankings[query],
                    ranked.image_paths,
                    f'query {query}  ·  {short_title(ranked, query)}',
                    LOOK,
                )
            )
            for query in ranked.worst(number)
        ],
    )


def short_title(ranked: RankedQueries, query: int) -> str:
    """Average precision, and where the first right answer stands."""
    ranking = ranked.rankings[query]
    first = ranking.first_hit
    where = 'never found' if first is None else f'first right answer: {first}'
    return (
        f'average precision {100 * ranked.average_precisions[query]:.0f}  ·  '
        f'{len(ranking.hit_ranks)} of {ranking.num_relevant} detected  ·  '
        f'{where}'
    )


def outcomes(ranked: RankedQueries) -> dict[str, float]:
    """Share of queries by what became of the first place.

    Returns:
        Shares in [0, 1]: ``right``: the first answer is the person;
        ``confused``: the person was detected somewhere, but somebody else is
        more similar; ``undetected``: no appearance of the person was
        detected.
    """
    counted = [ranked.rankings[query] for query in ranked.counted]
    total = max(1, len(counted))
    right = sum(ranking.first_hit == 1 for ranking in counted)
    undetected = sum(ranking.first_hit is None for ranking in counted)
    return dict(
        right=right / total,
        confused=(len(counted) - right - undetected) / total,
        undetected=undetected / total,
    )
