"""Overlap of boxes."""

import numpy as np
import pytest

from mmdet_ps.structures.boxes import iou_matrix, paired_iou

SQUARE = [0, 0, 10, 10]


def test_by_hand():
    others = [[5, 0, 15, 10], [20, 0, 30, 10], SQUARE, [0, 0, 5, 10]]
    found = iou_matrix([SQUARE], others)
    assert found == pytest.approx(np.array([[1 / 3, 0, 1, 0.5]]))
    assert paired_iou(np.array([SQUARE] * 4), others) == pytest.approx(
        found[0]
    )


def test_corner_pixels_may_belong_to_the_box():
    # 11 x 11 pixels each, 6 x 11 of them shared.
    found = paired_iou([SQUARE], [[5, 0, 15, 10]], extra=1)
    assert found == pytest.approx([66 / (121 + 121 - 66)])


def test_boxes_without_area_overlap_nothing():
    flat = [5, 0, 5, 10]
    assert paired_iou([flat], [flat]).tolist() == [0]
    assert paired_iou([flat], [SQUARE]).tolist() == [0]


def test_lists_may_be_empty():
    assert iou_matrix(np.zeros((0, 4)), [SQUARE]).shape == (0, 1)
    assert iou_matrix([], []).shape == (0, 0)
