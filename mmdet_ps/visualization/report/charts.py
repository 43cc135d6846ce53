"""Line and bar charts as inline SVG: sharp at any size, no library."""

import math
from collections.abc import Sequence
from html import escape

COLOURS = (
    '#2462cc',
    '#d07a10',
    '#1a9650',
    '#a03c9c',
    '#667084',
    '#c23b3b',
    '#1794a3',
    '#8a6d3b',
)
WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 38
LEGEND_TOP = 21


def line_chart(
    title: str,
    series: dict[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str = '',
    logarithmic: bool = False,
) -> str:
    """Draw curves with a legend.

    Args:
        title: Line above the chart.
        series: Name -> (x values, y values); points whose y is not finite
            are left out, and so are series without any point.
        x_label: What the x axis shows.
        logarithmic: Whether the y axis is; values that are not positive are
            left out then.

    Returns:
        The chart as HTML; empty where there is no point.
    """
    curves = {}
    for name, (xs, ys) in series.items():
        points = [
            (float(x), float(y))
            for x, y in zip(xs, ys)
            if math.isfinite(y) and (y > 0 or not logarithmic)
        ]
        if points:
            curves[name] = points
    if not curves:
        return ''
    every = [point for points in curves.values() for point in points]
    x_axis = _Axis([x for x, _ in every], LEFT, WIDTH - RIGHT)
    y_axis = _Axis(
        [y for _, y in every],
        HEIGHT - BOTTOM,
        TOP + _legend_places(list(curves))[-1][1] - LEGEND_TOP,
        logarithmic,
        zero=not logarithmic,
    )
    parts = [_grid(x_axis, y_axis, x_label)]
    for i, points in enumerate(curves.values()):
        colour = COLOURS[i % len(COLOURS)]
        path = ' '.join(f'{x_axis(x):.1f},{y_axis(y):.1f}' for x, y in points)
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-linejoin="round" points="{path}"/>'
        )
        if len(points) < 12:
            parts += [
                f'<circle cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="3" '
                f'fill="{colour}"/>'
                for x, y in points
            ]
    parts.append(_legend(list(curves)))
    return _svg(title, parts)


def bar_chart(
    title: str, groups: Sequence[str], series: dict[str, Sequence[float]]
) -> str:
    """Draw bars side by side per group, each with its value above it.

    Args:
        title: Line above the chart.
        groups: G names below the bars.
        series: Name -> G values, at least zero; a value that is not finite
            gets no bar.

    Returns:
        The chart as HTML; empty where there is no value.
    """
    values = [v for column in series.values() for v in column]
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return ''
    y_axis = _Axis([*values, 0.0], HEIGHT - BOTTOM, TOP + 20, zero=True)
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = min(48.0, room * 0.8 / len(series))
    parts = [_grid(None, y_axis, '')]
    for g, name in enumerate(groups):
        middle = LEFT + room * (g + 0.5)
        parts.append(_text(middle, HEIGHT - BOTTOM + 18, name, 'middle'))
        for s, column in enumerate(series.values()):
            if not math.isfinite(column[g]):
                continue
            x = middle + bar * (s - len(series) / 2)
            top = y_axis(column[g])
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{top:.1f}" width="{bar - 2:.1f}" '
                f'height="{max(0.0, HEIGHT - BOTTOM - top):.1f}" rx="2" '
                f'fill="{COLOURS[s % len(COLOURS)]}"/>'
            )
            label = f'{column[g]:.1f}'
            parts.append(_text(x + bar / 2, top - 5, label, 'middle'))
    parts.append(_legend(list(series)))
    return _svg(title, parts)


class _Axis:
    """Values to pixels, with round marks."""

    def __init__(self, values, start, end, logarithmic=False, zero=False):
        self.start, self.end = start, end
        self.logarithmic = logarithmic
        low, high = min(values), max(values)
        if zero:
            low = min(0.0, low)
        if logarithmic:
            low, high = math.log10(low), math.log10(high)
        if high - low < 1e-9:
            high = low + 1.0
        self.low, self.high = low, high

    def __call__(self, value: float) -> float:
        if self.logarithmic:
            value = math.log10(value)
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def marks(self, wanted: int = 5) -> list[float]:
        """About ``wanted`` round values inside the range."""
        if self.logarithmic:
            steps = (1, 2, 5)
            found = [
                step * 10.0**power
                for power in range(math.floor(self.low), 1 + int(self.high))
                for step in steps
            ]
            return [v for v in found if self.low <= math.log10(v) <= self.high]
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * min(
            (1, 2, 5, 10), key=lambda factor: abs(factor * power - rough)
        )
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * i for i in range(first, last + 1)]


def _svg(title: str, parts: list[str]) -> str:
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'style="width:100%;max-width:{WIDTH + 60}px" role="img" '
        f'aria-label="{escape(title)}">'
        f'<text x="{LEFT}" y="14" style="font-size:13px;font-weight:600;'
        f'fill:#20242c">{escape(title)}</text>'
        f'{"".join(parts)}</svg></figure>'
    )


def _text(x: float, y: float, text: str, anchor: str = 'start') -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f'{escape(text)}</text>'
    )


def _grid(x_axis: _Axis | None, y_axis: _Axis, x_label: str) -> str:
    parts = []
    for mark in y_axis.marks():
        y = y_axis(mark)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
            f'y2="{y:.1f}" stroke="#e3e6ec"/>'
        )
        parts.append(_text(LEFT - 6, y + 4, f'{mark:g}', 'end'))
    for mark in x_axis.marks() if x_axis else []:
        x = x_axis(mark)
        parts.append(_text(x, HEIGHT - BOTTOM + 16, f'{mark:g}', 'middle'))
    if x_label:
        parts.append(_text(WIDTH - RIGHT, HEIGHT - 6, x_label, 'end'))
    return ''.join(parts)


def _legend_places(names: list[str]) -> list[tuple[float, int]]:
    """Left and top of each name; one that does not fit starts a new line."""
    places, x, y = [], float(LEFT), LEGEND_TOP
    for name in names:
        width = 34 + 6.6 * len(name)
        if x > LEFT and x + width > WIDTH + 14:
            x, y = float(LEFT), y + 15
        places.append((x, y))
        x += width
    return places


def _legend(names: list[str]) -> str:
    """Names with their colours."""
    parts = []
    for i, (name, (x, y)) in enumerate(zip(names, _legend_places(names))):
        colour = COLOURS[i % len(COLOURS)]
        parts.append(
            f'<rect x="{x:.0f}" y="{y}" width="14" height="4" rx="2" '
            f'fill="{colour}"/>'
        )
        parts.append(_text(x + 19, y + 6, name))
    return ''.join(parts)
