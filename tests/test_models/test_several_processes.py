"""Every method trains in several processes what it trains in one."""

import pytest

from .spread import NAMES, compare


@pytest.mark.slow
@pytest.mark.parametrize('world_size', [2, 4])
@pytest.mark.parametrize('name', NAMES)
def test_several_processes_train_what_one_trains(name, world_size):
    check(compare(name, world_size))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['alignps', 'nae'])
def test_gradients_are_accumulated_alike(name):
    check(compare(name, 2, accumulate=2))


def check(worst):
    assert worst.pop('ranks') == 0
    assert all(value < 5e-4 for value in worst.values()), worst
