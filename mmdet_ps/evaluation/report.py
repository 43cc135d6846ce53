"""Scores as rows for a file and as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet_ps.structures import SearchProtocol, SearchResults

from .search import SearchScores
from .search.search_ranking import RankingTable
from .search.significance import Comparison, confidence_interval
from .settings import EVALUATOR_VERSION, SearchSettings

FIGURES = ('mAP', 'top1', 'top5', 'top10')


def score_table(rankings: RankingTable) -> dict[tuple[str, str], SearchScores]:
    """The scores by name of the feature set and name of the protocol."""
    return {key: SearchScores.of(found) for key, found in rankings.items()}


def score_rows(
    scores: dict[tuple[str, str], SearchScores],
    protocols: Sequence[SearchProtocol],
) -> list[dict]:
    """Scores as plain dicts, for JSON.

    Args:
        scores (dict): what :func:`score_table` gives.
        protocols (Sequence[SearchProtocol]): where gallery sizes stand.

    Returns:
        list[dict]: one row per feature set and protocol; figures are in
        [0, 1].
    """
    sizes = {protocol.name: protocol.gallery_size for protocol in protocols}
    return [
        dict(
            branch=branch,
            protocol=protocol,
            gallery_size=sizes[protocol],
            num_queries=len(found.queries),
            **{key: found.means()[key] for key in FIGURES},
            evaluator=EVALUATOR_VERSION,
        )
        for (branch, protocol), found in scores.items()
    ]


def intervals_of(
    scores: dict[tuple[str, str], SearchScores],
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """The bootstrap intervals of mAP and of top-1 for each row."""
    return {
        key: [
            confidence_interval(found.average_precisions),
            confidence_interval(found.top[:, 0]),
        ]
        for key, found in scores.items()
    }


def format_scores(
    scores: dict[tuple[str, str], SearchScores],
    intervals: dict[tuple[str, str], list[tuple[float, float]]] | None = None,
) -> str:
    """A table of percentages, with the queries that do not count below it.

    Args:
        scores (dict): what :func:`score_table` gives.
        intervals (dict): what :func:`intervals_of` gives, for two columns
            more.
    """
    head = ['branch', 'protocol', 'queries', 'mAP', 'top-1', 'top-5']
    head += ['top-10', 'recall']
    if intervals:
        head += ['95% of mAP', '95% of top-1']
    body = []
    for (branch, protocol), found in scores.items():
        means = found.means()
        line = [branch, protocol, str(len(found.queries))]
        line += [f'{100 * means[key]:.2f}' for key in (*FIGURES, 'recall')]
        if intervals:
            line += [
                f'{100 * low:.2f} to {100 * high:.2f}'
                for low, high in intervals[branch, protocol]
            ]
        body.append(line)
    lines = [format_table(head, body)]
    skipped = {
        protocol: found.num_skipped
        for (_, protocol), found in scores.items()
        if found.num_skipped
    }
    lines += [
        f'{protocol}: {count} queries left out; nothing in the gallery to '
        'find, or no detection to search with'
        for protocol, count in skipped.items()
    ]
    return '\n'.join(lines)


def format_comparison(
    compared: dict[tuple[str, str, str], Comparison],
) -> str:
    """A table of differences in percentage points, B minus A.

    Args:
        compared (dict): name of the feature set, of the protocol and of the
            score -> comparison.
    """
    head = ['branch', 'protocol', 'score', 'B - A', '95% interval', 'p']
    head += ['B better', 'B worse', 'queries']
    body = [
        [
            *key,
            f'{100 * found.difference:+.2f}',
            f'{100 * found.interval[0]:+.2f} to '
            f'{100 * found.interval[1]:+.2f}',
            f'{found.p_value:.4f}',
            str(found.num_better),
            str(found.num_worse),
            str(found.num_queries),
        ]
        for key, found in compared.items()
    ]
    return format_table(head, body)


def describe(settings: SearchSettings, results: SearchResults) -> str:
    """The version of the evaluator and every setting, to stand below a table.

    Args:
        settings (SearchSettings): how the results were scored.
        results (SearchResults): the results. A last line says so where they
            hold no embeddings of annotated boxes, so that queries could only
            be matched with detections.
    """
    words = [f'{key}={value}' for key, value in settings.describe().items()]
    lines, line = [], f'{EVALUATOR_VERSION}:'
    for word in words:
        if len(line) + len(word) > 78:
            lines.append(line)
            line = ' '
        line += f' {word}'
    lines.append(line)
    matched = settings.query_embedding == 'matched-detection'
    if matched and not results.has_given_boxes:
        lines.append(
            'The results hold no embeddings of annotated boxes, so queries '
            'are matched with detections.'
        )
    return '\n'.join(lines)


def format_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table in plain text.

    Args:
        head (Sequence[str]): names of the columns.
        body (Sequence[Sequence[str]]): the rows. The first two columns are
            words and set left, the others are numbers and set right.
    """
    widths = [
        max(len(row[k]) for row in [head, *body]) for k in range(len(head))
    ]

    def line(row):
        cells = [
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths))
        ]
        return '  '.join(cells).rstrip()

    rule = '  '.join('-' * width for width in widths)
    return '\n'.join([line(head), rule, *map(line, body)])
