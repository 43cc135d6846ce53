"""Pages of a dataset: boxes where they belong, ignored regions hatched."""

import numpy as np

from mmdet_ps.structures.annotated_image import AnnotatedImage
from mmdet_ps.visualization.dataset_page import (
    draw_annotations,
    hatch,
    identity_page,
    scene_page,
)
from mmdet_ps.visualization.drawing import MUTED, ORANGE, identity_colour


def item(ids=(3, -1), ignored=(False, False), value=200):
    return AnnotatedImage(
        np.full((100, 200, 3), value, np.uint8),
        np.array([[20, 20, 60, 90], [100, 20, 150, 90]], float),
        np.array(ids),
        np.array(ignored),
        'a-very-long-name-of-an-image-file.jpg',
    )


def test_the_frame_of_a_box_has_the_colour_of_its_identity():
    picture = draw_annotations(item())
    assert picture.shape == (100, 200, 3)
    assert tuple(picture[60, 20]) == identity_colour(3)
    assert tuple(picture[60, 100]) == MUTED
    assert tuple(picture[60, 40]) == (200, 200, 200)


def test_identities_have_colours_of_their_own():
    assert len({identity_colour(k) for k in range(100)}) == 100


def test_ignored_regions_are_hatched_inside_only():
    image = np.zeros((50, 50, 3), np.uint8)
    hatch(image, [10, 10, 40, 40])
    hatched = (image == ORANGE).all(axis=2)
    assert 0.05 < hatched[10:40, 10:40].mean() < 0.5
    assert hatched.sum() == hatched[10:40, 10:40].sum()
    hatch(image, [60, 60, 90, 90])  # outside: nothing to do
    shown = draw_annotations(item(ignored=(True, False)))
    assert (shown[21:89, 21:59] == ORANGE).all(axis=2).any()


def test_pages_hold_every_item():
    page = scene_page([item(value=v) for v in (10, 90, 250)], 2, (100, 60))
    assert page.shape[1] == 2 * 108
    for value in (10, 90, 250):
        assert (page == value).all(axis=2).sum() > 500
    empty = item(ids=(), ignored=())
    empty.bboxes = np.zeros((0, 4))
    empty.ignored = np.zeros(0, bool)
    assert scene_page([empty]).size


def test_rows_of_identities():
    page = identity_page([(7, [item()] * 3), (8, [item()])], 4, (32, 64))
    assert page.shape[1] == 70 + 4 * 40
    assert page.shape[0] % 2 == 0
