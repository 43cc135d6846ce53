"""What rows of the part "growth" say: a table and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmdet_ps.utils.files import replacing

PART = 'growth'
PICTURE = 'images/growth.png'
COLUMNS = 3

SECTION = """
## As work grows

![time against the size of the work]({picture})

Both axes are logarithmic; the grey line has the slope of time that grows as
the work does. The power p is that of time ~ size^p between the two largest
sizes: 1 is linear, less means that a fixed part still counts.

| work | size | median | MiB | power |
| :-- | --: | --: | --: | --: |
{table}

The table of identities is read without a copy, so that a step takes memory for
the similarities and their gradient, which grow as the table does. Sampled
negatives make the products independent of the number of identities; what still
grows is drawing from it. Persons add to a training step little, as the number
of regions that are trained on is fixed. Search is exact; an index for larger
galleries is measured in [your_own_footage.md](your_own_footage.md).
"""


def series_of(rows: Sequence[dict]) -> dict[str, list[tuple[int, dict]]]:
    """Sizes, ascending, and rows of each series of the part."""
    found: dict[str, list[tuple[int, dict]]] = {}
    for row in rows:
        if row['part'] == PART:
            name, size = row['case'].rsplit(': ', 1)
            found.setdefault(name, []).append(
                (int(size.replace(',', '')), row)
            )
    return {
        name: sorted(points, key=lambda point: point[0])
        for name, points in found.items()
    }


def power(points: Sequence[tuple[int, dict]]) -> float | None:
    """p of time ~ size^p between the two largest sizes; None for one."""
    if len(points) < 2:
        return None
    (small, before), (large, after) = points[-2:]
    ratio = after['median_s'] / before['median_s']
    return math.log(ratio) / math.log(large / small)


def section(rows: Sequence[dict], seconds) -> str:
    """The section of the page; empty if there are no rows of the part.

    Args:
        rows: Of any part.
        seconds: Writes a time with its unit.
    """
    lines = []
    for name, points in series_of(rows).items():
        for size, row in points:
            last = size == points[-1][0]
            exponent = power(points) if last else None
            cells = [
                name,
                f'{size:,}',
                seconds(row['median_s']),
                f'{row["peak_mib"]:.0f}',
                '' if exponent is None else f'{exponent:.2f}',
            ]
            lines.append(f'| {" | ".join(cells)} |')
    if not lines:
        return ''
    return SECTION.format(picture=PICTURE, table='\n'.join(lines))


def draw(rows: Sequence[dict], path: Path) -> None:
    """Write a PNG with a panel per series: seconds against size."""
    found = series_of(rows)
    height = math.ceil(len(found) / COLUMNS)
    figure = Figure((3.6 * COLUMNS, 2.9 * height), layout='tight')
    FigureCanvasAgg(figure)
    for place, (name, points) in enumerate(found.items(), 1):
        axes = figure.add_subplot(height, COLUMNS, place)
        axes.grid(color='#e4e4e4')
        sizes = [size for size, _ in points]
        times = [row['median_s'] for _, row in points]
        linear = [times[-1] * size / sizes[-1] for size in sizes]
        axes.loglog(sizes, linear, color='#9a9a9a', lw=1)
        axes.loglog(sizes, times, 'o-', color='#2b6cb0', ms=4)
        axes.set_title(name, fontsize=10)
        axes.set_ylabel('seconds')
        for side in ('top', 'right'):
            axes.spines[side].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format='png')
