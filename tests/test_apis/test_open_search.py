import numpy as np
import pytest

from mmdet_ps.apis import Frame, GalleryIndex
from mmdet_ps.apis.open_search import (
    FALLBACK_THRESHOLD,
    find_person,
    strangers,
    threshold_from_gallery,
)


def make_index(rows, number_of_frames=3):
    """An index from (frame, x1, angle in degrees) rows; boxes 10 x 20."""
    angles = np.deg2rad([angle for _, _, angle in rows])
    return GalleryIndex(
        frames=[Frame(f'f{i}.jpg') for i in range(number_of_frames)],
        stamps=[''] * number_of_frames,
        frame_of=np.array([frame for frame, _, _ in rows], dtype=np.int64),
        bboxes=np.array(
            [[x, 0, x + 10, 20] for _, x, _ in rows], dtype=np.float32
        ).reshape(-1, 4),
        scores=np.full(len(rows), 0.9, np.float32),
        embeddings=np.stack([np.cos(angles), np.sin(angles)], 1).astype(
            np.float32
        ),
        model_mark='',
    )


EAST = np.array([1.0, 0.0])


def test_one_answer_per_frame_best_first_accepted_above_threshold():
    index = make_index([(0, 0, 60), (0, 50, 10), (1, 0, 0), (2, 0, 90)])
    answers = find_person(index, EAST, threshold=0.9)
    assert [(a.rank, a.frame.path, a.accepted) for a in answers] == [
        (1, 'f1.jpg', True),
        (2, 'f0.jpg', True),
        (3, 'f2.jpg', False),
    ]
    assert answers[1].bbox[0] == 50, 'the better of the two in frame 0'
    assert answers[1].similarity == pytest.approx(np.cos(np.deg2rad(10)))
    everyone = find_person(index, EAST, 0.9, per_frame=False)
    assert len(everyone) == 4
    assert len(find_person(index, EAST, 0.9, top_k=2)) == 2


def test_the_query_itself_is_no_answer_but_others_in_its_frame_are():
    index = make_index([(0, 0, 0), (0, 50, 30), (1, 0, 40)])
    query = (Frame('f0.jpg'), np.array([1, 0, 11, 20]))
    answers = find_person(index, EAST, 0.5, queries=[query])
    assert [a.bbox[0] for a in answers] == [50, 0]
    elsewhere = (Frame('other.jpg'), np.array([1, 0, 11, 20]))
    assert len(find_person(index, EAST, 0.5, queries=[elsewhere])) == 2


def test_no_picture_of_the_query_is_an_answer_and_no_frame_gives_two():
    index = make_index([(0, 0, 0), (0, 50, 30), (0, 90, 40), (1, 0, 5)])
    box = np.array([1, 0, 11, 20])
    queries = [(Frame('f0.jpg'), box), (Frame('f1.jpg'), box)]
    answers = find_person(index, EAST, 0.5, queries=queries)
    assert [(a.frame.path, a.bbox[0]) for a in answers] == [('f0.jpg', 50)]


def test_pairs_of_one_frame_are_strangers_unless_they_overlap():
    index = make_index([(0, 0, 0), (0, 50, 60), (0, 52, 90), (2, 0, 0)])
    # Boxes at 50 and 52 overlap; frames 0 and 2 do not pair.
    expected = np.cos(np.deg2rad([60, 90]))
    assert np.sort(strangers(index)) == pytest.approx(np.sort(expected))


def test_threshold_lets_the_asked_share_of_strangers_through():
    rng = np.random.default_rng(0)
    rows = [
        (frame, 50 * i, rng.uniform(0, 180))
        for frame in range(200)
        for i in range(4)
    ]
    index = make_index(rows, 200)
    threshold, pairs = threshold_from_gallery(index, false_alarms=0.05)
    assert pairs == 200 * 6
    assert (strangers(index) > threshold).mean() == pytest.approx(0.05)


def test_few_pairs_give_the_fixed_threshold():
    threshold, pairs = threshold_from_gallery(make_index([(0, 0, 0)]))
    assert (threshold, pairs) == (FALLBACK_THRESHOLD, 0)
    nobody = make_index([])
    assert threshold_from_gallery(nobody) == (FALLBACK_THRESHOLD, 0)
    assert find_person(nobody, EAST, 0.5) == []
