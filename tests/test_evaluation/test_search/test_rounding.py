"""The rounding rules on the rows that tell them apart."""

import numpy as np
import pytest

from mmdet_ps.evaluation.search.rounding import rounded_corners

LEFT = np.array([[-1.7030, 295.5756, 74.6436, 338.2289]])
INSIDE = np.array([[849.7009, 619.8089, 172.6134, 440.8639]])
SIZES = np.array([[1920, 1080]])


@pytest.mark.parametrize(
    ('rule', 'role', 'expected'),
    [
        ('seqnet', 'gallery', [0, 295, 74, 633]),
        ('seqnet', 'query', [0, 295, 72, 633]),
        ('dps', 'gallery', [-1, 295, 73, 633]),
        ('dps', 'query', [-1, 295, 73, 633]),
        ('gfn', 'gallery', [0, 295, 74, 633]),
        ('alignps-json', 'gallery', [-1, 295, 72, 633]),
        ('seas', 'gallery', [0, 295.5756, 72.9406, 633.8045]),
    ],
)
def test_a_box_that_starts_left_of_the_image(rule, role, expected):
    found = rounded_corners(LEFT, rule, role, SIZES)
    np.testing.assert_allclose(found, [expected], atol=1e-9)


@pytest.mark.parametrize(
    ('rule', 'expected'),
    [
        ('seqnet', [849, 619, 1022, 1060]),
        ('alignps-json', [849, 619, 1022, 1060]),
        ('dps', [849, 619, 1021, 1059]),
        ('gfn', [849, 619, 1021, 1059]),
    ],
)
def test_the_sum_is_rounded_or_its_parts(rule, expected):
    for role in ('gallery', 'query'):
        found = rounded_corners(INSIDE, rule, role, SIZES)
        assert found.tolist() == [expected]


def test_some_rules_cut_at_the_border():
    beyond = np.array([[1900.5, 1000.0, 40.0, 100.0]])
    for rule in ('gfn', 'seas'):
        found = rounded_corners(beyond, rule, 'gallery', SIZES)
        assert found[0, 2:].tolist() == [1920, 1080]
        free = rounded_corners(beyond, rule, 'gallery')
        assert free[0, 2] >= 1940
