"""Intervals hold what they promise, and the test knows chance from skill."""

import numpy as np
import pytest

from mmdet_ps.evaluation.search.significance import (
    bootstrap_means,
    compare_paired,
    confidence_interval,
)


def test_the_spread_is_the_standard_error():
    values = np.random.default_rng(0).random(400)
    means = bootstrap_means(values, draws=4000)
    assert means.mean() == pytest.approx(values.mean(), abs=0.003)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.1)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(200):
        low, high = confidence_interval(rng.random(100), 400, seed=seed)
        inside += low <= 0.5 <= high
    assert 180 <= inside <= 199


def test_equal_models_are_not_told_apart():
    rng = np.random.default_rng(2)
    values = rng.random(300)
    same = compare_paired(values, values)
    assert same.p_value == 1 and same.difference == 0
    noisy = compare_paired(
        values + rng.normal(0, 0.1, 300), values + rng.normal(0, 0.1, 300)
    )
    assert noisy.p_value > 0.05


def test_a_small_gain_on_every_query_is_seen():
    # The mean moves by far less than its own interval.
    values = np.random.default_rng(3).random(300)
    found = compare_paired(values, values + 0.01)
    assert found.p_value < 0.01
    assert found.difference == pytest.approx(0.01)
    assert found.num_better == 300 and found.num_worse == 0
    low, high = confidence_interval(values)
    assert high - low > 0.02
    back = compare_paired(values + 0.01, values)
    assert back.difference == pytest.approx(-0.01) and back.p_value < 0.01


def test_no_queries():
    assert compare_paired([], []).p_value == 1
    assert confidence_interval(np.zeros(0)) == (0.0, 0.0)
