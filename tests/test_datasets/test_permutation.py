"""An order without memory is still an order, and a random one."""

import numpy as np
import pytest

from mmdet_ps.datasets.permutation import shuffled


@pytest.mark.parametrize('size', [1, 2, 3, 5, 16, 17, 100, 1000])
@pytest.mark.parametrize('key', [0, 1, 12345])
def test_every_number_comes_once(size, key):
    order = [shuffled(k, size, key) for k in range(size)]
    assert sorted(order) == list(range(size))


def test_keys_give_different_orders():
    orders = {
        tuple(shuffled(k, 9, key) for k in range(9)) for key in range(50)
    }
    assert len(orders) > 45


def test_neighbours_lie_far_apart():
    size = 4_000_000
    order = np.array([shuffled(k, size, 7) for k in range(2000)])
    steps = np.abs(np.diff(order)) / size
    # Of independent draws the mean distance is a third.
    assert abs(steps.mean() - 1 / 3) < 0.03
    assert np.abs(np.histogram(order, 10, (0, size))[0] - 200).max() < 60
