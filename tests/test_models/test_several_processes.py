"""Every method trains in several processes what it trains in one."""

import pytest

from .spread import NAMES, compare


@pytest.mark.slow
@pytest.mark.parametrize('world_size', [2, 4])
@pytest.mark.parametrize('name', NAMES)
def test_several_processes_train_what_one_trains(name, world_size):
    worst = compare(name, world_size)
    assert worst.pop('ranks') == 0
    assert all(value < 5e-4 for value in worst.values()), worst
