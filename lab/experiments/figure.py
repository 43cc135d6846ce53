"""The rows of an experiment as a picture: a dot per seed, a bar per mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmdet_ps.utils.files import replacing

COLOURS = ('#9a9a9a', '#c9a227', '#2b6cb0')
LINE_HEIGHT = 0.3  # inches
PANELS = 3  # side by side


def draw_rows(
    rows: list[dict], column: str, columns: Sequence[str], path: Path
) -> None:
    """Write a PNG with the mAP of all rows.

    Args:
        rows: With ``method``, ``target``, ``seed`` and ``mAP``.
        column: Key of the rows that is compared: ``start`` gives each value
            a colour within a group per method and target, ``name`` gives
            each value a line.
        columns: The values of that key, in the order they are drawn in.
        path: The file.
    """
    lines = _lines(rows, column, columns)
    figure = Figure((7.5, 0.9 + LINE_HEIGHT * len(lines)), layout='tight')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.grid(axis='x', color='#e4e4e4')
    colours = dict(zip(columns, COLOURS)) if column == 'start' else {}
    for place, (_, value, scores) in enumerate(lines):
        colour = colours.get(value, COLOURS[-1])
        axes.barh(place, mean(scores), height=0.8, color=colour, alpha=0.45)
        axes.plot(scores, [place] * len(scores), 'o', ms=4, color=colour)
    axes.set_yticks(range(len(lines)), [name for name, _, _ in lines])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel('mAP in percent; bar: mean, dots: seeds')
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    _save(figure, path)


def draw_curves(
    rows: list[dict],
    column: str,
    values: Sequence[str],
    along: str,
    path: Path,
) -> None:
    """Write a PNG with mAP along the number of steps, or of labels.

    It has a panel for each method and target.

    Args:
        rows: With ``method``, ``target``, ``seed``, ``mAP`` and the keys that
            ``column`` and ``along`` name.
        column: Key of the rows that is compared; each value gets a line.
        values: The values of that key, in the order they are drawn in.
        along: Key of the rows that the horizontal axis shows.
        path: The file.
    """
    cells: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        cells.setdefault((row['method'], row['target']), []).append(row)
    columns = min(len(cells), PANELS)
    lines = -(-len(cells) // columns)
    figure = Figure((2.5 + 4 * columns, 1 + 3 * lines), layout='tight')
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in panels.flat[len(cells) :]:
        axes.set_visible(False)
    for axes, ((method, target), own) in zip(panels.flat, cells.items()):
        axes.set_title(f'{method}, {target}')
        _draw_curves_of_one(axes, own, column, values, along)
        axes.set_xlim(left=0)
        axes.set_xlabel(
            'steps on the target' if along == 'steps' else 'share of labels'
        )
    for axes in panels[:, 0]:
        axes.set_ylabel('mAP in percent; line: mean, dots: seeds')
    panels[0, 0].set_ylim(bottom=0)
    panels[0, 0].legend(frameon=False)
    _save(figure, path)


def _draw_curves_of_one(
    axes: Axes,
    rows: list[dict],
    column: str,
    values: Sequence[str],
    along: str,
) -> None:
    """Draw the curves of one method on one target."""
    axes.grid(color='#e4e4e4')
    for value, colour in zip(values, (COLOURS[0], COLOURS[-1])):
        points: dict[float, list[float]] = {}
        for row in rows:
            if row[column] == value:
                points.setdefault(row[along], []).append(100 * row['mAP'])
        places = sorted(points)
        means = [mean(points[place]) for place in places]
        axes.plot(places, means, color=colour, label=value)
        for place in places:
            scores = points[place]
            axes.plot([place] * len(scores), scores, 'o', ms=4, color=colour)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as beside:
        figure.savefig(beside, dpi=110, format='png')


def _lines(
    rows: list[dict], column: str, columns: Sequence[str]
) -> list[tuple[str, str, list[float]]]:
    """Name, value of the column and scores of each line, top to bottom."""
    lines = []
    for method, target in dict.fromkeys(
        (row['method'], row['target']) for row in rows
    ):
        for value in columns:
            scores = [
                100 * row['mAP']
                for row in rows
                if (row['method'], row['target'], row[column])
                == (method, target, value)
            ]
            if scores:
                where = f'{method}, {target}: ' if column == 'start' else ''
                lines.append((where + value, value, scores))
    return lines
