"""What a training leaves in its folder when it is cut short."""

import errno
import os
import shutil

import pytest

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.work_folder import damage
from tests.test_engine.small_training import (
    differences,
    end_of,
    runner_of,
    train,
)

KEEP_ONE = dict(kind='epochs', keep=1)


def names(folder):
    """Checkpoints in a folder, those half written included."""
    found = [p.name for p in folder.rglob('*') if '.pth' in p.name]
    return sorted(n for n in found if not n.startswith('best_'))


def best(folder):
    return [path.name for path in folder.glob('best_*.pth')]


def pointer(folder):
    return (folder / 'last_checkpoint').read_text()


def test_it_keeps_the_newest_and_the_best(tmp_path):
    runner_of(tmp_path, keep=2).train()
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_3.pth']
    assert pointer(tmp_path) == 'epoch_3.pth'
    assert len(best(tmp_path)) == 1
    assert damage(tmp_path / 'epoch_3.pth') is None


@pytest.mark.parametrize(
    ('moment', 'left', 'named'),
    [
        # The first file of an epoch, then its best one, then it again.
        (('write', 4), ['epoch_1.pth'], 'epoch_1.pth'),
        (('rename', 4), ['epoch_1.pth', 'epoch_2.pth'], 'epoch_1.pth'),
    ],
)
def test_a_kill_leaves_a_whole_checkpoint(tmp_path, moment, left, named):
    train(tmp_path, moment, **KEEP_ONE)
    whole = [name for name in names(tmp_path) if not name.endswith('.part')]
    assert whole == left
    assert pointer(tmp_path) == named
    assert all(damage(tmp_path / name) is None for name in whole)
    # The resumed training clears away what the killed one left.
    train(tmp_path, resume=True, **KEEP_ONE)
    assert names(tmp_path) == ['epoch_3.pth']


def test_a_folder_can_be_moved(tmp_path):
    train(tmp_path / 'first', ('step', 9), **KEEP_ONE)
    shutil.move(tmp_path / 'first', tmp_path / 'second')
    assert train(tmp_path / 'second', resume=True, **KEEP_ONE) == 0
    assert not (tmp_path / 'first').exists()
    assert names(tmp_path / 'second') == ['epoch_3.pth']
    assert len(best(tmp_path / 'second')) == 1
    train(tmp_path / 'unbroken', **KEEP_ONE)
    assert not differences(
        end_of(tmp_path / 'unbroken'), end_of(tmp_path / 'second')
    )


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    runner_of(tmp_path / 'a', keep=2).train()
    os.truncate(tmp_path / 'a' / 'epoch_3.pth', 1000)
    train(tmp_path / 'a', resume=True, keep=2)
    assert train(tmp_path / 'b', keep=2) == 0
    assert not differences(end_of(tmp_path / 'a'), end_of(tmp_path / 'b'))


def test_a_full_disk_leaves_the_last_good_one(tmp_path, monkeypatch):
    synced = os.fsync
    written = []

    def fsync(descriptor):
        path = os.readlink(f'/proc/self/fd/{descriptor}')
        if 'epoch_2.pth' in path:
            raise OSError(errno.ENOSPC, 'No space left on device')
        written.append(path)
        synced(descriptor)

    monkeypatch.setattr(os, 'fsync', fsync)
    with pytest.raises(UserError, match='the last good one is .*epoch_1.pth'):
        runner_of(tmp_path, **KEEP_ONE).train()
    assert written
    assert names(tmp_path) == ['epoch_1.pth']
    assert pointer(tmp_path) == 'epoch_1.pth'
