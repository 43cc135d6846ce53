import errno
import fcntl

import pytest

from mmdet_ps.apis.gallery_store import GalleryStore, load_gallery
from mmdet_ps.utils.errors import UserError

from .test_gallery_store import FRAMES, content, fill


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'index.npz'


def test_two_runs_do_not_write_one_gallery(path):
    with (
        GalleryStore(path, 'm'),
        pytest.raises(UserError, match='another run'),
    ):
        GalleryStore(path, 'm')
    fill(path, FRAMES)


def test_a_file_system_without_locks_is_no_other_run(path, monkeypatch):
    def not_here(*_):
        raise OSError(errno.ENOSYS, 'Function not implemented')

    monkeypatch.setattr(fcntl, 'flock', not_here)
    fill(path, FRAMES)
    assert content(path) == FRAMES


def test_who_reads_writes_nothing_and_lets_others_read(path):
    fill(path, FRAMES)
    lock = path.with_name('.index.npz.lock')
    with GalleryStore(path, None) as store, GalleryStore(path, None):
        assert len(store) == 3
        with pytest.raises(UserError, match='another run'):
            GalleryStore(path, 'm')
    lock.unlink()
    names = sorted(path.parent.iterdir())
    assert len(load_gallery(path)) == 3
    assert sorted(path.parent.iterdir()) == names
