import os

import cv2
import numpy as np
import pytest

from mmdet_ps.apis import GalleryIndex, build_index, init_model, list_frames
from mmdet_ps.apis.gallery_index import model_mark

from .colour_model import scene

RED, GREEN, BLUE = (0, 0, 250), (0, 250, 0), (250, 0, 0)


@pytest.fixture
def folder(tmp_path):
    """Three frames: red and green; nobody; blue."""
    folder = tmp_path / 'frames'
    folder.mkdir()
    left, right = (10, 10, 40, 90), (100, 10, 130, 90)
    for name, people in {
        'a.png': [(*left, RED), (*right, GREEN)],
        'b.png': [],
        'c.png': [(*left, BLUE)],
    }.items():
        cv2.imwrite(str(folder / name), scene(people))
    return folder


class Counter:
    """A progress bar that counts the frames that were searched."""

    searched = 0

    def __call__(self, frames):
        self.searched = len(frames)
        return frames


def test_search_ranks_by_similarity(model, folder):
    index = build_index(model, list_frames(folder))
    assert index.frame_of.tolist() == [0, 0, 2]
    order, similarities = index.search(np.array([0.6, 0.0, 0.8]))
    where = [
        (index.frames[index.frame_of[i]].name, index.bboxes[i, 0].round())
        for i in order
    ]
    assert where == [('a', 10), ('c', 10), ('a', 100)]
    assert similarities == pytest.approx([0.8, 0.6, 0.0], abs=0.01)


def test_a_frame_that_is_named_twice_is_searched_once(model, folder):
    frames, counter = list_frames(folder), Counter()
    twice = [frames[0], *frames]
    index = build_index(model, twice, progress=counter)
    assert counter.searched == 3
    assert index.frames == frames and index.frame_of.tolist() == [0, 0, 2]


def test_saved_and_loaded_it_is_the_same(model, folder, tmp_path):
    index = build_index(model, list_frames(folder))
    index.save(tmp_path / 'cache/gallery.npz')
    again = GalleryIndex.load(tmp_path / 'cache/gallery.npz')
    assert again.frames == index.frames
    assert again.model_mark == index.model_mark
    assert np.array_equal(again.embeddings, index.embeddings)
    assert [p.name for p in (tmp_path / 'cache').iterdir()] == ['gallery.npz']


def test_only_new_and_changed_frames_are_searched(model, folder):
    first = build_index(model, list_frames(folder))
    cv2.imwrite(str(folder / 'd.png'), scene([(5, 5, 30, 60, GREEN)]))
    cv2.imwrite(str(folder / 'c.png'), scene([(5, 5, 30, 60, RED)]))
    os.utime(folder / 'c.png', (1, 1))
    (folder / 'b.png').unlink()
    counter = Counter()
    index = build_index(
        model, list_frames(folder), known=first, progress=counter
    )
    assert counter.searched == 2
    afresh = build_index(model, list_frames(folder))
    assert index.frames == afresh.frames
    assert np.array_equal(index.frame_of, afresh.frame_of)
    assert np.array_equal(index.bboxes, afresh.bboxes)
    assert np.array_equal(index.embeddings, afresh.embeddings)


def test_another_model_or_threshold_searches_everything_again(
    model, folder, config_file
):
    first = build_index(model, list_frames(folder))
    counter = Counter()
    build_index(model, list_frames(folder), 0.5, known=first, progress=counter)
    assert counter.searched == 3
    other = init_model(config_file)
    other.unused.data += 1
    build_index(other, list_frames(folder), known=first, progress=counter)
    assert counter.searched == 3


def test_a_gallery_holds_wherever_the_datasets_lie(config_file):
    size = 'test_dataloader.dataset.pipeline.1.scale'
    marks = [
        model_mark(init_model(config_file, cfg_options=options), 0.3)
        for options in (
            {},
            {'test_dataloader.dataset.data_root': 'elsewhere/'},
            {'test_dataloader.num_workers': 7},
            {size: (200, 120)},
        )
    ]
    assert marks[0] == marks[1] == marks[2] != marks[3]


def test_a_run_that_was_stopped_continues(model, folder):
    kept = []

    def stop_after_two(frames):
        for i, frame in enumerate(frames):
            if i == 2:
                raise KeyboardInterrupt
            yield frame

    with pytest.raises(KeyboardInterrupt):
        build_index(
            model,
            list_frames(folder),
            progress=stop_after_two,
            keep=kept.append,
            keep_every=1,
        )
    counter = Counter()
    index = build_index(
        model, list_frames(folder), known=kept[-1], progress=counter
    )
    assert counter.searched == 1
    assert index.frame_of.tolist() == [0, 0, 2]


def test_frames_without_anybody_make_an_index_that_answers(model, tmp_path):
    cv2.imwrite(str(tmp_path / 'empty.png'), scene([]))
    index = build_index(model, list_frames(tmp_path))
    order, similarities = index.search(np.array([1.0, 0, 0]))
    assert len(index) == len(order) == len(similarities) == 0
    index.save(tmp_path / 'index.npz')
    known = GalleryIndex.load(tmp_path / 'index.npz')
    cv2.imwrite(str(tmp_path / 'red.png'), scene([(5, 5, 30, 60, RED)]))
    assert len(build_index(model, list_frames(tmp_path), known=known)) == 1


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / 'index.npz').write_bytes(b'nonsense')
    with pytest.raises(ValueError, match='delete it'):
        GalleryIndex.load(tmp_path / 'index.npz')
