import errno
import json
import os
import signal
import time

import numpy as np
import pytest

from mmdet_ps.apis import Detections, Frame
from mmdet_ps.apis.footage import Skipped
from mmdet_ps.apis.gallery_store import GalleryStore, load_gallery
from mmdet_ps.utils.errors import UserError


def persons(*levels, width=4):
    """Persons whose embeddings and boxes are all of one number."""
    levels = np.array(levels, np.float32).reshape(-1, 1)
    return Detections(
        np.repeat(levels, 4, 1), levels[:, 0], np.repeat(levels, width, 1)
    )


def fill(path, frames, mark='m', commit=True, say=None):
    """Open a store, append (path, index, levels), and close it."""
    with GalleryStore(path, mark, say or pytest.fail) as store:
        for name, index, levels in frames:
            frame = Frame(name, index, index / 4)
            store.append(frame, 'stamp', persons(*levels))
        if commit:
            store.commit()


def content(path, mark='m'):
    """(file, index, levels) of every frame, read back and held together."""
    with GalleryStore(path, mark, pytest.fail) as store:
        gallery = store.gallery()
        found = []
        for k, frame in enumerate(gallery.frames):
            rows = np.flatnonzero(gallery.frame_of == k)
            levels = gallery.embeddings[rows, 0].tolist()
            assert gallery.bboxes[rows, 3].tolist() == levels
            assert gallery.scores[rows].tolist() == levels
            assert frame.seconds == frame.index / 4
            found.append((frame.path, frame.index, levels))
        return found


FRAMES = [('a', 0, [1, 2]), ('a', 4, []), ('b', 0, [3])]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'index.npz'


def test_what_was_appended_is_there_again(path):
    fill(path, FRAMES)
    assert content(path) == FRAMES
    fill(path, [('b', 8, [5, 6])])
    assert content(path) == [*FRAMES, ('b', 8, [5, 6])]
    gallery = load_gallery(path)
    assert len(gallery) == 5 and gallery.model_mark == 'm'
    assert isinstance(gallery.embeddings, np.memmap), 'not read as a whole'


def test_known_frames_and_what_was_skipped_are_kept(path):
    with GalleryStore(path, 'm') as store:
        store.append(Frame('a', 4), 's', persons(1))
        source = store.source('a', 's')
        source.done = 'every 4'
        source.skipped.append(Skipped('a #8', 'frame cannot be decoded'))
        store.commit()
    with GalleryStore(path, 'm') as store:
        assert store.known('a') == {4} and store.known('b') == set()
        source = store.sources['a']
        assert (source.stamp, source.done) == ('s', 'every 4')
        assert source.skipped == [Skipped('a #8', 'frame cannot be decoded')]


def test_files_are_taken_out_without_embedding_the_others_again(path):
    fill(path, [*FRAMES, ('a', 8, [4])])
    with GalleryStore(path, 'm') as store:
        store.remove(['a', 'never there'])
    assert content(path) == [('b', 0, [3])]
    fill(path, [('a', 0, [7])])
    assert content(path) == [('b', 0, [3]), ('a', 0, [7])]
    assert len(list(path.parent.glob('index.npz.vectors*'))) == 1


def test_a_part_of_the_gallery_is_not_copied(path):
    fill(path, FRAMES)
    with GalleryStore(path, 'm') as store:
        part = store.gallery(['b'])
        assert [frame.path for frame in part.frames] == ['b']
        assert part.embeddings[:, 0].tolist() == [3]
        assert isinstance(part.embeddings, np.memmap)


def test_what_was_not_committed_never_was(path):
    fill(path, FRAMES)
    fill(path, [('c', 0, [9, 9, 9])], commit=False)
    assert content(path) == FRAMES
    fill(path, [('c', 4, [8])])
    assert content(path) == [*FRAMES, ('c', 4, [8])]


def test_a_run_killed_at_any_moment_leaves_a_whole_gallery(path):
    levels = []
    for turn in range(10):
        if turn > 2 and len(levels) > 4:
            break  # on a busy machine three are not enough
        child = os.fork()
        if child == 0:  # appends and commits until it is killed
            try:
                with GalleryStore(path, 'm') as store:
                    for count in range(1 << 20):
                        start = len(store)
                        frame = Frame('a', start, start / 4)
                        store.append(frame, 's', persons(start, start + 1))
                        if count % 3 == 0:
                            store.commit()
            finally:
                os._exit(1)
        time.sleep(0.02 * 2**turn)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        levels = [level for _, _, found in content(path) for level in found]
        assert levels == list(range(len(levels)))
    assert len(levels) > 4


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / 'cam[1].npz'
    fill(path, FRAMES)
    left = [f'{path.name}.vectors-7', f'.{path.name}.4711.part']
    kept = [f'{path.name}.vectors.bak', f'.{path.name}.tracks.4711.part']
    for name in (*left, *kept):
        (tmp_path / name).write_bytes(b'x')
    assert content(path) == FRAMES
    names = {found.name for found in tmp_path.iterdir()}
    assert not names & {*left} and names > {*kept}


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


DAMAGES = {
    'index cut': lambda p: cut(p),
    'index of zeros': lambda p: p.write_bytes(bytes(p.stat().st_size)),
    'empty index': lambda p: p.write_bytes(b''),
    'another file': lambda p: p.write_bytes(b'<html>'),
    'other arrays': lambda p: np.savez(p, x=np.ones(3)),
    'no vectors': lambda p: vectors_of(p).unlink(),
    'vectors cut': lambda p: cut(vectors_of(p)),
    'a bit of the vectors turned': lambda p: spoil(vectors_of(p)),
}


def vectors_of(path):
    return path.with_name('index.npz.vectors')


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_gallery_is_built_again_with_a_word(path, damage):
    fill(path, FRAMES)
    DAMAGES[damage](path)
    with pytest.raises(UserError, match=r'index\.npz.*delete it'):
        load_gallery(path)
    said = []
    fill(path, [('c', 0, [1])], say=said.append)
    assert len(said) == 1 and 'index.npz is built again: ' in said[0]
    assert content(path) == [('c', 0, [1])]


def test_a_file_that_is_no_gallery_is_not_overwritten(tmp_path):
    film = tmp_path / 'walk.mp4'
    film.write_bytes(b'film')
    for path in (film, tmp_path):
        with pytest.raises(UserError, match='is no index'):
            GalleryStore(path, 'm')
    assert film.read_bytes() == b'film'


def test_a_gallery_that_is_not_there_is_said(path):
    with pytest.raises(FileNotFoundError):
        load_gallery(path)


@pytest.mark.parametrize('number', [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_gallery_that_cannot_be_read_now_is_not_lost(
    path, monkeypatch, number
):
    fill(path, FRAMES)
    with monkeypatch.context() as patch:

        def unreadable(*_, **__):
            raise OSError(number, os.strerror(number), str(path))

        patch.setattr(np, 'load', unreadable)
        with pytest.raises(OSError, match=os.strerror(number)):
            fill(path, [('c', 0, [1])])
        with pytest.raises(OSError, match=os.strerror(number)):
            load_gallery(path)
    assert content(path) == FRAMES


def test_a_gallery_of_another_model_or_release_is_built_again(path):
    said = []
    fill(path, FRAMES)
    fill(path, FRAMES[:1], mark='n', say=said.append)
    assert content(path, 'n') == FRAMES[:1]
    with np.load(path) as data:
        columns = dict(data)
    header = json.loads(bytes(columns.pop('header')))
    header['version'] = 1
    np.savez(path, header=json.dumps(header), **columns)
    fill(path, FRAMES[2:], mark='n', say=said.append)
    assert ['another model' in said[0], 'release' in said[1]] == [True] * 2


def test_names_take_a_byte_a_letter(path):
    fill(path, [(f'{k:0100d}.jpg', -1, []) for k in range(300)], commit=True)
    assert path.stat().st_size < 300 * 3 * 110


def test_who_reads_a_gallery_that_is_begun_anew_keeps_it(path):
    fill(path, FRAMES)
    gallery = load_gallery(path)
    fill(path, FRAMES[2:], mark='n', say=lambda _: None)
    assert gallery.embeddings[:, 0].tolist() == [1, 2, 3]
    assert content(path, 'n') == FRAMES[2:]


def test_embeddings_of_another_length_are_refused(path):
    with GalleryStore(path, 'm') as store:
        store.append(Frame('a'), 's', persons(1, width=4))
        with pytest.raises(UserError, match='of length 4'):
            store.append(Frame('b'), 's', persons(1, width=8))
