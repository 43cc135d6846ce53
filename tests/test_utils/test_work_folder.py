"""Which checkpoint a training continues from, and who may write."""

import multiprocessing
import os
import time

import pytest
import torch

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.work_folder import (
    latest_checkpoint,
    lock_work_folder,
    require_whole,
)


def fill(folder, *names, last=''):
    """A work folder with these checkpoints, written in this order."""
    for name in names:
        torch.save(dict(weights=torch.arange(1000)), folder / name)
    (folder / 'last_checkpoint').write_text(last)
    return folder


def flip(path, place):
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def name_of(folder):
    lines = []
    path = latest_checkpoint(folder, lines.append)
    return path and path.name, lines


def test_an_empty_folder_has_none(tmp_path):
    assert latest_checkpoint(tmp_path / 'not there') is None
    assert latest_checkpoint(fill(tmp_path)) is None


def test_the_pointer_decides_and_may_name_another_place(tmp_path):
    fill(tmp_path, 'iter_9.pth', 'iter_10.pth', 'iter_20.pth')
    for last in ('iter_10.pth', '/elsewhere/run/iter_10.pth\n'):
        (tmp_path / 'last_checkpoint').write_text(last)
        assert name_of(tmp_path) == ('iter_10.pth', [])


@pytest.mark.parametrize('last', ['', 'iter_30.pth'])
def test_without_a_pointer_the_highest_number_decides(tmp_path, last):
    fill(tmp_path, 'iter_10.pth', 'iter_9.pth', 'best_mAP.pth', last=last)
    assert name_of(tmp_path)[0] == 'iter_10.pth'


@pytest.mark.parametrize('harm', ['cut', 'empty', 'byte'])
def test_a_damaged_one_is_passed_over_with_a_word(tmp_path, harm):
    names = ('iter_9.pth', 'iter_10.pth', 'iter_20.pth')
    fill(tmp_path, *names, last='iter_10.pth')
    path = tmp_path / 'iter_10.pth'
    if harm == 'byte':
        flip(path, path.read_bytes().index(torch.arange(9).numpy().tobytes()))
    else:
        size = path.stat().st_size // 2 if harm == 'cut' else 0
        os.truncate(path, size)
    name, lines = name_of(tmp_path)
    assert name == 'iter_9.pth'
    assert len(lines) == 1
    assert 'iter_10.pth: is damaged' in lines[0]
    with pytest.raises(UserError, match='iter_10.pth: is (damaged|cut|empty)'):
        require_whole(path)


def test_none_but_damaged_ones_is_an_error(tmp_path):
    fill(tmp_path, 'epoch_1.pth', last='epoch_1.pth')
    os.truncate(tmp_path / 'epoch_1.pth', 100)
    with pytest.raises(UserError, match='none of its 1 checkpoints is whole'):
        latest_checkpoint(tmp_path, str)


def test_a_checkpoint_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UserError, match='no such checkpoint'):
        require_whole(tmp_path / 'iter_1.pth')


def hold(folder, ready):
    """Lock a folder, and leave a loader process behind when killed."""
    lock_work_folder(folder)
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    ready.put(os.getpid())
    time.sleep(60)


def test_one_process_trains_in_a_folder_until_it_is_killed(tmp_path):
    fork = multiprocessing.get_context('fork')
    ready = fork.SimpleQueue()
    other = fork.Process(target=hold, args=(tmp_path, ready))
    other.start()
    pid = ready.get()
    with pytest.raises(UserError, match=f'process {pid} on .* trains in'):
        lock_work_folder(tmp_path)
    other.kill()
    other.join()
    lock_work_folder(tmp_path)
