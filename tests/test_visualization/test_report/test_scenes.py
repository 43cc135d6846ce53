import cv2
import numpy as np
import pytest

from mmdet_ps.visualization.drawing import GREEN, ORANGE, RED, identity_colour
from mmdet_ps.visualization.report import (
    Annotations,
    detection_scene,
    example_scenes,
    identity_sheets,
    spread,
)
from mmdet_ps.visualization.report.scenes import match


def person(x, person_id, ignored=0):
    return dict(
        bbox=[x, 5, x + 20, 45], instance_id=person_id, ignore_flag=ignored
    )


@pytest.fixture
def annotations(tmp_path):
    """Image i is grey of brightness 20 + 40 i, 60 x 100."""
    people = [
        [person(5, 0), person(60, 1)],
        [person(5, 0)],
        [person(5, -1), person(30, 2, ignored=1)],
        [person(5, -1, ignored=1)],
        [],
    ]
    images = []
    for i, instances in enumerate(people):
        grey = np.full((60, 100, 3), 20 + 40 * i, np.uint8)
        cv2.imwrite(str(tmp_path / f'{i}.png'), grey)
        images.append(dict(img_path=f'{i}.png', instances=instances))
    return Annotations(images, tmp_path)


def test_counts(annotations):
    assert annotations.counts() == dict(
        images=5, boxes=6, labelled=4, identities=3
    )


def test_identities_have_colours_of_their_own():
    assert len({identity_colour(i) for i in range(40)}) == 40
    assert identity_colour(-1) == identity_colour(-2)


def test_scenes_without_persons_are_not_shown(annotations):
    captions = [text for _, text in example_scenes(annotations, 10)]
    assert captions == [
        '0.png · 2 persons', '1.png · 1 persons', '2.png · 1 persons',
    ]  # fmt: skip
    picture = example_scenes(annotations, 1)[0][0]
    assert (picture == identity_colour(0)).all(-1).any()
    assert (picture == identity_colour(1)).all(-1).any()


def test_a_row_shows_one_identity_in_several_images(annotations):
    (sheet,) = identity_sheets(annotations, appearances=3, cell=(20, 40))
    assert sheet.shape == (44, 3 * 24, 3), 'identity 1 appears only once'
    middles = [int(sheet[22, 12 + 24 * i, 0]) for i in range(3)]
    assert middles == [20, 60, 255]
    annotations.images = annotations.images[2:]
    assert identity_sheets(annotations) == []


def test_spread_takes_the_ends_and_the_middle():
    assert spread(list(range(11)), 3) == [0, 5, 10]
    assert spread([1, 2], 5) == [1, 2]
    assert spread([], 3) == []


def test_matching_is_greedy_by_score():
    truth = np.array([[0, 0, 10, 10], [100, 0, 110, 10]], float)
    found = np.array([[1, 0, 11, 10], [0, 0, 10, 10], [50, 0, 60, 10]], float)
    right, missed = match(found, np.array([0.5, 0.9, 0.8]), truth)
    assert right.tolist() == [False, True, False], 'one box, one person'
    assert missed.tolist() == [False, True]
    right, missed = match(np.zeros((0, 4)), np.zeros(0), truth)
    assert right.tolist() == [] and missed.all()
    right, _ = match(found, np.ones(3), np.zeros((0, 4)))
    assert not right.any()


def test_detections_below_the_threshold_are_not_drawn(annotations):
    truth = np.array([[5, 5, 25, 45], [60, 5, 80, 45]], float)
    found = np.array([[5, 5, 25, 45], [60, 5, 80, 45], [30, 5, 50, 45]])
    picture, counts = detection_scene(
        annotations.path(annotations.images[0]),
        found,
        np.array([0.9, 0.1, 0.6]),
        truth,
        score_thr=0.3,
    )
    assert counts == dict(right=1, wrong=1, missed=1)
    for colour in (GREEN, RED, ORANGE):
        assert (picture == colour).all(-1).any()
