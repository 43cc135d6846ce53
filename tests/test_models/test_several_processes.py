"""Every method trains in several processes what it trains in one."""

from unittest import mock

import pytest

from . import spread
from .spread import BY_SOURCE, NAMES, compare


@pytest.mark.slow
@pytest.mark.parametrize('world_size', [2, 4])
@pytest.mark.parametrize('name', NAMES)
def test_several_processes_train_what_one_trains(name, world_size):
    check(compare(name, world_size))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['r18', 'nae-r18-c4'])
def test_processes_that_lack_a_source_train_what_one_trains(name):
    # Each of four processes has an image of one source.
    check(compare(f'hybrid-pretrain {name}{BY_SOURCE}', 4))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['alignps', 'nae'])
def test_gradients_are_accumulated_alike(name):
    check(compare(name, 2, accumulate=2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'world_size'),
    [('nae', 2), ('nae', 4), ('bsl', 2), ('alignps', 2), ('coat', 2)],
)
def test_norms_over_all_processes_see_what_those_of_one_see(name, world_size):
    # One step: norms that learn make rounding grow forty times in each.
    check(compare(name, world_size, sync_bn=True, steps=1), most=1e-4)


@pytest.mark.slow
def test_norms_of_each_process_alone_would_be_seen():
    with mock.patch.object(spread, 'convert_norms'):
        worst = compare('nae', 2, sync_bn=True, steps=1)
    assert worst['loss'] > 1e-3 and worst['ranks'] > 1e-3


def check(worst, most=5e-4):
    assert worst.pop('ranks') == 0
    assert all(value < most for value in worst.values()), worst
