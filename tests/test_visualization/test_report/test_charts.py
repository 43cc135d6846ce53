import re
from xml.etree import ElementTree

import pytest

from mmdet_ps.visualization.report import bar_chart, line_chart


def points(svg):
    """Coordinates of each curve."""
    return [
        [tuple(map(float, pair.split(','))) for pair in text.split()]
        for text in re.findall(r'points="([^"]*)"', svg)
    ]


def test_a_falling_curve_falls():
    svg = line_chart('Loss', {'a': ([0, 10, 20], [4.0, 2.0, 0.0])})
    ((x0, y0), (x1, y1), (x2, y2)) = points(svg)[0]
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y2 > y1 > y0, 'SVG counts downwards'
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


def test_a_logarithmic_axis_makes_decades_equal():
    svg = line_chart('Loss', {'a': ([0, 1, 2], [100, 10, 1])}, '', True)
    (_, y0), (_, y1), (_, y2) = points(svg)[0]
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


def test_values_that_are_not_finite_are_left_out():
    nan = float('nan')
    svg = line_chart('x', {'a': ([0, 1, 2], [1, nan, 3]), 'b': ([0], [nan])})
    assert [len(curve) for curve in points(svg)] == [2]
    assert line_chart('x', {'a': ([0], [nan])}) == ''
    assert line_chart('x', {}) == ''
    assert line_chart('x', {'a': ([0, 1], [-1, 0])}, '', True) == ''


def test_a_constant_curve_and_one_point_are_drawn():
    assert len(points(line_chart('x', {'a': ([0, 1], [5, 5])}))) == 1
    assert '<circle' in line_chart('x', {'a': ([3], [5])})


def test_bars_are_as_high_as_their_values_and_carry_them():
    svg = bar_chart('mAP', ['PRW', 'CUHK'], {'a': [20, 40], 'b': [80, 0]})
    heights = [
        float(h) for h in re.findall(r'height="([\d.]+)" rx="2" fill', svg)
    ]
    bars = [h for h in heights if h != 4]  # the legend's marks are 4 high
    assert bars[1] == pytest.approx(4 * bars[0], abs=0.5)
    assert bars[2] == pytest.approx(2 * bars[0], abs=0.5)
    for label in ('20.0', '80.0', 'PRW'):
        assert f'>{label}<' in svg


def test_charts_are_well_formed_whatever_the_names():
    svg = line_chart('a < b & "c"', {'x<y': ([0, 1], [1, 2])}, 'it & er')
    ElementTree.fromstring(svg)
    ElementTree.fromstring(bar_chart('<', ['&'], {'"': [1]}))
