"""A training that was killed ends where an unbroken one ends."""

import signal

import pytest

from tests.test_engine.small_training import (
    STEPS,
    differences,
    end_of,
    seed_of,
    train,
)

EPOCHS = dict(kind='epochs')
IN_EPOCHS = dict(kind='epochs', by_epoch=False, interval=3)
ITERATIONS = dict(kind='iterations', interval=4)
PRETRAIN = dict(kind='pretrain', interval=2)
WORKERS = dict(num_workers=2)
TWO = dict(processes=2)
CASES = [
    (EPOCHS, [('step', 6)]),
    (EPOCHS, [('write', 1), ('validation', 4), ('rename', 3)]),
    (dict(EPOCHS, **WORKERS), [('step', 7), ('validation', 12)]),
    (dict(EPOCHS, seed=None), [('step', 5)]),
    (IN_EPOCHS, [('step', 4), ('step', 11)]),
    (dict(IN_EPOCHS, interval=4), [('step', 5)]),
    # Nothing is left of the epoch but its validation.
    (dict(IN_EPOCHS, interval=4), [('validation', 4)]),
    (dict(IN_EPOCHS, **WORKERS), [('step', 8)]),
    (dict(IN_EPOCHS, parts=True, ema=True, accumulate=2), [('step', 4)]),
    (ITERATIONS, [('validation', 4), ('step', 9)]),
    (dict(ITERATIONS, **WORKERS), [('step', 6)]),
    (dict(ITERATIONS, parts=True, ema=True), [('rename', 2)]),
    (dict(ITERATIONS, amp='float16'), [('step', 5)]),
    (dict(ITERATIONS, amp='bfloat16', ema=True), [('step', 9)]),
    (dict(EPOCHS, amp='float16', parts=True), [('step', 6)]),
    (dict(PRETRAIN, parts=True), [('step', 3), ('write', 3)]),
    (dict(PRETRAIN, **WORKERS), [('step', 5)]),
]
# Two processes get through an epoch in two steps.
CASES += [
    (dict(EPOCHS, **TWO, ema=True), [('step', 3), ('write', 3)]),
    (dict(ITERATIONS, **TWO, **WORKERS, interval=3), [('step', 7)]),
    (dict(PRETRAIN, **TWO), [('step', 7)]),
]


@pytest.mark.slow
@pytest.mark.parametrize(('options', 'moments'), CASES, ids=str)
def test_a_killed_training_ends_as_an_unbroken_one(tmp_path, options, moments):
    seed = options.get('seed', 1)
    killed = dict(options)
    for moment in moments:
        code = train(tmp_path / 'killed', moment, **killed)
        assert code == -signal.SIGKILL
        killed['resume'] = True
    assert train(tmp_path / 'killed', **killed) == 0
    ended = end_of(tmp_path / 'killed')
    shared = 'processes' in options and options['kind'] == 'epochs'
    assert ended['meta']['iter'] == (STEPS // 2 if shared else STEPS)
    if seed is None:
        # The unbroken one takes the seed that the killed one drew.
        options = dict(options, seed=seed_of(tmp_path / 'killed'))
    assert train(tmp_path / 'unbroken', **options) == 0
    assert not differences(end_of(tmp_path / 'unbroken'), ended)


@pytest.mark.slow
def test_loader_processes_do_not_change_a_pretraining(tmp_path):
    for num_workers in (0, 2):
        train(tmp_path / str(num_workers), num_workers=num_workers, **PRETRAIN)
    assert not differences(end_of(tmp_path / '0'), end_of(tmp_path / '2'))


def test_another_seed_is_a_difference(tmp_path):
    train(tmp_path / 'a', **EPOCHS)
    train(tmp_path / 'b', seed=2, **EPOCHS)
    found = differences(end_of(tmp_path / 'a'), end_of(tmp_path / 'b'))
    assert '.state_dict.backbone.weight' in found
    assert '.random_states.0.torch' in found
