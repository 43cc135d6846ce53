import numpy as np
import pytest

from mmdet_ps.visualization.drawing import (
    GREEN,
    NOTHING_TO_SEE,
    RED,
    clip_box,
    crop_cell,
    draw_boxes,
    fit,
    grow_box,
    put_text,
    scene_cell,
    shortened,
    text_size,
)


def grey(height, width, value=90):
    return np.full((height, width, 3), value, np.uint8)


def test_boxes_are_clipped_to_whole_pixels():
    assert clip_box([-3.2, 1.4, 7.1, 9.9], 8, 6).tolist() == [0, 1, 6, 8]
    for outside in ([10, 0, 12, 5], [0, -9, 5, -1], [3, 3, 3, 3],
                    [0, 0, np.inf, 5]):  # fmt: skip
        assert clip_box(outside, 8, 6) is None


def test_a_box_grows_around_its_centre():
    assert grow_box([10, 20, 20, 40], 2).tolist() == [5, 10, 25, 50]


@pytest.mark.parametrize('size', [(4, 2), (40, 90), (700, 300)])
def test_any_size_fits_the_cell_and_keeps_its_aspect(size):
    cell, scale, (x, y) = fit(grey(*size, 200), 60, 100)
    assert cell.shape == (100, 60, 3)
    inside = (cell == 200).all(-1)
    height, width = inside.any(1).sum(), inside.any(0).sum()
    assert (width, height) == (round(size[1] * scale), round(size[0] * scale))
    assert height == 100 or width == 60
    assert np.flatnonzero(inside.any(0))[0] == x
    assert np.flatnonzero(inside.any(1))[0] == y


def test_the_crop_shows_the_person_and_not_the_rest():
    image = grey(100, 100, 0)
    image[20:60, 10:30] = (200, 10, 10)
    cell = crop_cell(image, [10, 20, 30, 60], 40, 80, margin=1.0)
    assert np.abs(cell.astype(int) - (200, 10, 10)).max() <= 1


def test_a_crop_outside_the_image_says_so():
    cell = crop_cell(grey(10, 10), [50, 50, 60, 60], 40, 80)
    assert cell.shape == (80, 40, 3)
    assert (cell == NOTHING_TO_SEE).all(-1).mean() > 0.8


def test_the_scene_keeps_the_person_and_pales_the_rest():
    scene = scene_cell(grey(100, 200), [20, 20, 60, 80], 200, 100, RED)
    assert (scene[50, 40] == 90).all()
    assert scene[50, 150].min() > 120
    assert (scene[50, 18] == RED).all(), 'the frame is around the box'


def test_text_is_moved_into_the_image():
    image = put_text(grey(40, 120, 255), 'person', (110, -5), 14)
    ink = (image < 128).any(-1)
    assert ink.sum() > 30
    assert ink[:, :2].sum() == 0, 'not cut off'


def test_small_images_are_magnified_before_boxes_are_drawn():
    picture = draw_boxes(
        grey(60, 80), np.array([[10, 10, 30, 50]]), ['7'], [GREEN], 640
    )
    assert picture.shape == (480, 640, 3)
    green = (picture == GREEN).all(-1)
    assert green[80:400, 80].all(), 'left edge at 10 * 8'
    nothing = draw_boxes(grey(60, 700), np.zeros((0, 4)), [], [])
    assert nothing.shape == (60, 700, 3)


def test_a_long_text_keeps_its_ends():
    assert shortened('short', 12, 300) == 'short'
    text = 'camera-of-the-front-door_2024-05-01_12-00-00_part-07'
    short = shortened(text, 12, 120)
    assert text_size(short, 12)[0] <= 120 < text_size(text, 12)[0]
    head, tail = short.split('...')
    assert text.startswith(head) and text.endswith(tail) and head and tail


def test_a_long_text_keeps_as_much_as_fits():
    text = 'camera-of-the-front-door_2024-05-01'
    whole = text_size(text, 12)[0]
    lengths = [len(shortened(text, 12, width)) for width in range(whole)]
    assert lengths == sorted(lengths)
    assert shortened(text, 12, whole) == text
    # One letter more would not fit.
    for width in (60, 90, 150):
        short = shortened(text, 12, width)
        head, tail = short.split('...')
        longer = f'{text[: len(head) + 1]}...{tail}'
        assert text_size(short, 12)[0] <= width < text_size(longer, 12)[0]
    assert shortened(text, 12, 1) == '...', 'nothing less is left'
