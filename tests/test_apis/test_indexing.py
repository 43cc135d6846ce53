import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdet_ps.apis import build_index, indexing, list_frames
from mmdet_ps.apis.footage import find_footage
from mmdet_ps.apis.gallery_index import model_mark
from mmdet_ps.apis.gallery_store import GalleryStore, load_gallery
from mmdet_ps.apis.indexing import estimate_frames, index_footage
from mmdet_ps.apis.sampling import Sampling

from ..videos import cut_out, write_frames
from .colour_model import scene

RED, GREEN, BLUE = (0, 0, 250), (0, 250, 0), (250, 0, 0)


def walker(i, colour=RED):
    return scene([(10 + 4 * i, 10, 40 + 4 * i, 90, colour)])


@pytest.fixture
def footage_folder(tmp_path):
    """Two pictures, one of them broken, and a video of 20 frames."""
    folder = tmp_path / 'footage'
    write_frames(folder / 'walk.avi', [walker(i) for i in range(20)], rate=5)
    cv2.imwrite(str(folder / 'a.png'), walker(3, GREEN))
    (folder / 'b.png').write_bytes(b'broken')
    return folder


@pytest.fixture
def index(model, tmp_path):
    """Index a folder; (gallery, footage, number of frames searched)."""

    def run(folder, **options):
        counted = []
        footage = find_footage(folder)
        mark = model_mark(model, 0.3)
        with GalleryStore(tmp_path / 'index.npz', mark, pytest.fail) as store:
            index_footage(
                model, footage, store, progress=counted.append, **options
            )
            return store.gallery(), footage, sum(counted)

    return run


def test_pictures_and_frames_of_videos_are_searched(index, footage_folder):
    gallery, footage, count = index(footage_folder)
    assert [f.name for f in gallery.frames] == ['a'] + [
        f'walk #{i}' for i in range(0, 20, 2)
    ]
    assert count == len(gallery) == 11
    assert gallery.bboxes[1:, 0] == pytest.approx(
        [10 + 4 * i for i in range(0, 20, 2)], abs=2
    )
    assert [f.seconds for f in gallery.frames[1:4]] == [0, 0.4, 0.8]
    assert [(Path(s.path).name, s.reason) for s in footage.skipped] == [
        ('b.png', 'damaged, or not what its suffix says')
    ]
    assert estimate_frames(footage, Sampling()) == 2 + 10


def test_a_strip_in_a_folder_ends_nothing(index, footage_folder):
    for name, shape in (('line.png', (1, 9000)), ('rule.png', (9000, 1))):
        cv2.imwrite(
            str(footage_folder / name), np.zeros((*shape, 3), np.uint8)
        )
    gallery, footage, _ = index(footage_folder)
    assert len(gallery) == 11
    assert (
        footage.skipped_by_reason()['a strip, too thin to show a person'] == 2
    )


@pytest.mark.parametrize('size', [1, 3, 64])
def test_batches_change_nothing(index, model, footage_folder, size):
    (footage_folder / 'b.png').unlink()
    gallery, _, _ = index(
        footage_folder, batch_size=size, sampling=Sampling(every=1)
    )
    alone = build_index(model, list_frames(footage_folder))
    assert gallery.frames == alone.frames
    assert gallery.bboxes == pytest.approx(alone.bboxes, abs=1e-4)
    assert gallery.embeddings == pytest.approx(alone.embeddings, abs=1e-6)


def test_what_is_known_is_not_searched_again(index, footage_folder):
    first, _, count = index(footage_folder)
    again, footage, count_again = index(footage_folder)
    assert (count, count_again) == (11, 0)
    assert again.frames == first.frames
    assert len(footage.skipped) == 1
    # A finer look adds what it lacks.
    finer, _, count = index(footage_folder, sampling=Sampling(every=1))
    assert count == 10 and len(finer) == 21


def test_a_changed_file_is_searched_again_and_a_new_one_added(
    index, footage_folder
):
    index(footage_folder)
    cv2.imwrite(str(footage_folder / 'a.png'), walker(5, BLUE))
    os.utime(footage_folder / 'a.png', (1, 1))
    cv2.imwrite(str(footage_folder / 'c.png'), walker(6, BLUE))
    gallery, _, count = index(footage_folder)
    assert count == 2 and len(gallery) == 12
    colour = {
        Path(gallery.frames[f].path).name: vector.argmax()
        for f, vector in zip(gallery.frame_of, gallery.embeddings)
    }
    assert colour == {'walk.avi': 2, 'a.png': 0, 'c.png': 0}


def test_a_killed_run_goes_on_where_it_was(
    index, model, footage_folder, tmp_path, monkeypatch
):
    import mmdet_ps.apis.inference as inference

    whole, _, _ = index(footage_folder)
    (tmp_path / 'index.npz').unlink()
    detect_batch, calls = inference.detect_batch, []

    def killed(*args, **kwargs):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return detect_batch(*args, **kwargs)

    monkeypatch.setattr(inference, 'detect_batch', killed)
    with pytest.raises(KeyboardInterrupt):
        index(footage_folder, commit_every=0)
    monkeypatch.undo()
    gallery, _, count = index(footage_folder)
    assert count == 11 - 6
    assert gallery.frames == whole.frames
    assert np.array_equal(gallery.embeddings, whole.embeddings)


def test_damage_in_a_video_is_said_in_every_run(index, footage_folder):
    cut_out(footage_folder / 'walk.avi', 6)
    for count_wanted in (11, 0):
        gallery, footage, count = index(footage_folder)
        assert count == count_wanted
        # The next frame is looked at in its place.
        assert [f.index for f in gallery.frames[1:6]] == [0, 2, 4, 7, 8]
        assert footage.skipped_by_reason()['frame cannot be decoded'] == 1


def test_a_video_that_did_not_open_is_tried_again(
    index, footage_folder, monkeypatch
):
    with monkeypatch.context() as patch:

        def refuse(path, footage):
            footage.skip(path, 'no such codec')

        patch.setattr(indexing, 'open_video', refuse)
        for _ in range(2):
            gallery, footage, _ = index(footage_folder)
            assert len(gallery) == 1
            assert footage.skipped_by_reason()['no such codec'] == 1
    gallery, footage, count = index(footage_folder)
    assert count == 10 and 'no such codec' not in footage.skipped_by_reason()


def test_memory_does_not_grow_with_the_video(model, tmp_path):
    """The embeddings of the frames go to disk, their images are let go."""
    peaks = []
    for length in (30, 240):
        path = tmp_path / f'{length}.avi'
        write_frames(path, [walker(i % 30) for i in range(length)], rate=5)
        store_path = tmp_path / f'{length}.npz'
        with GalleryStore(store_path, '') as store:
            tracemalloc.start()
            index_footage(
                model,
                find_footage(path),
                store,
                sampling=Sampling(every=1),
                batch_size=4,
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert len(load_gallery(store_path)) == length
    # 210 frames more; a single image of the network's input is 1.2 MB.
    assert peaks[1] - peaks[0] < 0.6e6
