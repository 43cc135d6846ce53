"""Square crops against windows worked out by hand."""

import numpy as np
import pytest
from mmdet.registry import TRANSFORMS

from mmdet_ps.datasets.transforms import RandomFocusedCrop, RandomSafeCrop
from mmdet_ps.structures.fields import UNLABELLED

WIDTH, HEIGHT = 90, 60


def scene(*boxes, ids=None):
    """A picture whose pixels say where they are, with persons."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    image = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    instances = [
        dict(bbox=list(box), instance_id=number, ignore_flag=0)
        for number, box in zip(ids or range(len(boxes)), boxes)
    ]
    results = dict(
        img=image,
        img_shape=(HEIGHT, WIDTH),
        ori_shape=(HEIGHT, WIDTH),
        instances=instances,
        scale_factor=(2.0, 2.0),
    )
    load = TRANSFORMS.build(dict(type='LoadPersonAnnotations'))
    return load(results)


def test_a_window_by_hand(monkeypatch):
    """A window of 30 by 20 at (10, 20) becomes a square of 60."""
    crop = RandomSafeCrop(size=60)
    monkeypatch.setattr(crop, 'window', lambda results: (10, 20, 30, 20))
    found = crop(
        scene(
            (15, 25, 25, 35),  # inside
            (5, 22, 15, 32),  # half of it: goes
            (33, 30, 43, 40),  # 7 of 10 columns: stays, cut off
            (60, 5, 70, 15),  # elsewhere
            (12, 22, 12, 30),  # without an area
        )
    )
    assert found['gt_instances_ids'].tolist() == [0, 2]
    expected = [[10, 15, 30, 45], [46, 30, 60, 60]]
    assert found['gt_bboxes'].tensor.tolist() == expected
    for key in ('gt_bboxes_labels', 'gt_ignore_flags'):
        assert len(found[key]) == 2
    assert found['img'].shape == (60, 60, 3)
    assert found['img_shape'] == (60, 60)
    assert found['scale_factor'] == (4.0, 6.0)
    # The middle of the square is the middle of the window.
    assert found['img'][30, 30, :2] == pytest.approx([25, 30], abs=1)


def windows(crop, results, draws=400):
    np.random.seed(0)
    return np.array([crop.window(results) for _ in range(draws)])


def test_a_focused_window_is_drawn_evenly_among_those_that_hold_a_person():
    results = scene(
        (30.5, 20.2, 45.4, 41.0), (1, 1, 9, 9), ids=[3, UNLABELLED]
    )
    left, top, width, height = windows(RandomFocusedCrop(size=24), results).T
    assert set(width) == set(height) == {24}
    # From 45.4 - 24 up to 30.5, and from 41 - 24 up to 20.2.
    assert set(left) == set(range(22, 31))
    assert set(top) == set(range(17, 21))
    counts = np.bincount(left - 22)
    assert counts.min() > 400 / 9 / 2 and counts.max() < 2 * 400 / 9


def test_every_labelled_person_may_be_the_focus():
    results = scene((0, 0, 10, 10), (70, 40, 89, 60), (40, 0, 50, 9))
    results['gt_instances_ids'][2] = UNLABELLED
    left, top, *_ = windows(RandomFocusedCrop(size=20), results).T
    assert 0.4 < (left == 0).mean() < 0.6
    assert 0.4 < ((left >= 69) & (top == 40)).mean() < 0.6


@pytest.mark.parametrize(
    ('box', 'size', 'expected'),
    [
        # A person larger than the square enlarges the window.
        ((20, 2, 40, 52), 30, {(50, 50)}),
        # Up to the picture, which may be smaller than the square.
        ((0, 0, 90, 60), 30, {(90, 60)}),
        ((10, 10, 20, 20), 75, {(75, 60)}),
        # Beyond the edge of the picture.
        ((80, 50, 120, 70), 16, {(16, 16)}),
    ],
)
def test_sides_of_a_focused_window(box, size, expected):
    results = scene(box)
    found = windows(RandomFocusedCrop(size=size), results, 50)
    assert {tuple(sides) for sides in found[:, 2:].tolist()} == expected
    assert (found[:, :2] >= 0).all()
    assert (found[:, 0] + found[:, 2] <= WIDTH).all()
    assert (found[:, 1] + found[:, 3] <= HEIGHT).all()
    crop = RandomFocusedCrop(size=size)
    assert len(crop(scene(box))['gt_bboxes']) == 1


def test_a_focused_window_without_labelled_persons_is_anywhere():
    results = scene((1, 1, 9, 9), ids=[UNLABELLED])
    left, top, *_ = windows(RandomFocusedCrop(size=20), results).T
    assert left.min() < 5 and left.max() > 65
    assert top.min() < 3 and top.max() > 37


def test_a_safe_window_holds_all_but_margins():
    """Boxes from (20, 10) to (70, 50), a tenth of each may be lost."""
    results = scene((20, 10, 40, 30), (50, 40, 70, 50), (30, 20, 35, 25))
    crop = RandomSafeCrop(size=64)
    left, top, width, height = windows(crop, results).T
    right, bottom = left + width, top + height
    assert left.min() == 0 and left.max() == 21  # 20 + 2, rounded down
    assert top.min() == 0 and top.max() == 11
    assert right.min() == 69 and right.max() == WIDTH
    assert bottom.min() == 50 and bottom.max() == HEIGHT
    # Evenly: in the middle on average.
    assert abs(left.mean() - 10.5) < 1 and abs(right.mean() - 79.5) < 1
    np.random.seed(0)
    for _ in range(50):
        assert len(crop(scene((20, 10, 40, 30)))['gt_bboxes']) == 1


def test_a_safe_window_without_persons_loses_a_tenth():
    left, top, width, height = windows(RandomSafeCrop(), scene()).T
    assert width.min() >= 81 and width.max() == WIDTH
    assert height.min() >= 54 and (top + height).max() == HEIGHT
    found = RandomSafeCrop(size=64)(scene())
    assert len(found['gt_bboxes']) == 0 and found['img'].shape[:2] == (64, 64)
