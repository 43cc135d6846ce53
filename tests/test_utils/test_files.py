import errno
import json
import os

import pytest

from mmdet_ps.utils.files import replacing, write_json, write_text
from mmdet_ps.utils.whole_files import sync_folder


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / 'folder/figures.txt'
    write_text(path, 'old')
    with pytest.raises(KeyboardInterrupt), replacing(path) as beside:
        beside.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text() == 'old'
    assert list(path.parent.iterdir()) == [path]


def test_the_new_file_is_there_only_when_it_is_whole(tmp_path):
    path = tmp_path / 'figures.txt'
    with replacing(path) as beside:
        beside.write_text('new')
        assert beside.parent == path.parent and not path.exists()
    assert path.read_text() == 'new'


def test_a_failing_encoder_writes_nothing(tmp_path):
    path = tmp_path / 'figures.json'
    with pytest.raises(TypeError):
        write_json(path, dict(value=object()))
    assert not list(tmp_path.iterdir())
    write_json(path, dict(value=[1, 'é']), indent=1)
    assert json.loads(path.read_text()) == dict(value=[1, 'é'])
    assert path.read_bytes().endswith(b'}\n')


def test_a_file_system_that_syncs_no_folder_ends_nothing(
    tmp_path, monkeypatch
):
    def answer(number):
        def fsync(_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, 'fsync', fsync)

    answer(errno.EINVAL)
    sync_folder(tmp_path)
    answer(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)
