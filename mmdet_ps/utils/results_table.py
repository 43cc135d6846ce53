"""Result rows to markdown tables; nothing in a table is typed by hand.

A row is a dict with ``mAP`` and ``top1`` in [0, 1], and some of ``config``,
``target``, ``method``, ``start``, ``seed``, ``commit``.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean, stdev

from mmdet_ps.utils.errors import UserError

from .comparison import STARTS

NOTHING = '–'


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[object]]
) -> str:
    """A markdown table; the first column is text, the others numbers."""
    rule = [':--', *['--:'] * (len(header) - 1)]
    lines = [header, rule, *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def percent(values: Sequence[float], digits: int = 1) -> str:
    """Values in [0, 1] as "51.6", and as "51.6 ± 0.3" if there are more."""
    if not values:
        return NOTHING
    text = f'{100 * mean(values):.{digits}f}'
    if len(values) > 1:
        text += f' ± {100 * stdev(values):.{digits}f}'
    return text


def published_table(models: Sequence[dict], rows: Sequence[dict]) -> str:
    """The models of a metafile: published figures beside reproduced ones.

    Args:
        models: Entries ``Models`` of a metafile; the figures of their
            ``Results`` are in percent.
        rows: Result rows with ``config``, the name of a configuration.
    """
    lines = []
    for model in models:
        ours = [row for row in rows if row.get('config') == model['Name']]
        commits = sorted({row.get('commit', '?')[:9] for row in ours})
        for result in model['Results']:
            metrics = result['Metrics'] or {}
            lines.append(
                [
                    f'[{model["Name"]}]({model["Name"]}.py)',
                    result['Dataset'],
                    metrics.get('mAP', NOTHING),
                    metrics.get('top-1', NOTHING),
                    percent([row['mAP'] for row in ours]),
                    percent([row['top1'] for row in ours]),
                    ', '.join(commits) or NOTHING,
                    result.get('Source', NOTHING),
                ]
            )
    header = [
        'configuration',
        'dataset',
        'published mAP',
        'published top-1',
        'reproduced mAP',
        'reproduced top-1',
        'commit',
        'source of the published figures',
    ]
    return markdown_table(header, lines)


def starts_table(rows: Sequence[dict]) -> str:
    """Target and method by start: mean and spread over seeds, and the gain."""
    cells = defaultdict(list)
    for row in rows:
        cells[row['method'], row['target'], row['start']].append(row)
    lines = []
    for method, target, start in sorted(
        cells, key=lambda key: (*key[:2], _place(key[2]))
    ):
        found = cells[method, target, start]
        scratch = cells.get((method, target, 'scratch'), [])
        gain = NOTHING
        if scratch and start != 'scratch':
            before, after = (
                mean(row['mAP'] for row in part) for part in (scratch, found)
            )
            gain = f'{100 * (after - before):+.1f}'
        lines.append(
            [
                method,
                target,
                start,
                len({row.get('seed') for row in found}),
                percent([row['mAP'] for row in found]),
                percent([row['top1'] for row in found]),
                gain,
            ]
        )
    header = ['method', 'target', 'start', 'seeds', 'mAP', 'top-1', 'gain']
    return markdown_table(header, lines)


def replace_block(text: str, name: str, content: str) -> str:
    """Put content between ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    A text without the marks is an error, so that no table is lost silently.
    """
    begin, end = f'<!-- {name}:begin -->', f'<!-- {name}:end -->'
    if text.count(begin) != 1 or text.count(end) != 1:
        raise UserError(f'the lines "{begin}" and "{end}" are needed, once')
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f'{before}{begin}\n{content}\n{end}{after}'


def _place(start: str) -> int:
    known = list(STARTS)
    return known.index(start) if start in known else len(known)
