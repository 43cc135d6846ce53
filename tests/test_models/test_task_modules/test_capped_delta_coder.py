import math

import pytest
import torch

from mmdet_ps.models.task_modules import CappedDeltaXYWHBBoxCoder


@pytest.fixture
def coder():
    return CappedDeltaXYWHBBoxCoder(weights=(10, 10, 5, 5))


def test_decoding_undoes_encoding(coder):
    boxes = torch.tensor([[10.0, 20, 50, 120], [0, 0, 30, 40]])
    targets = torch.tensor([[12.0, 30, 55, 100], [5, 5, 90, 70]])
    decoded = coder.decode(boxes, coder.encode(boxes, targets))
    torch.testing.assert_close(decoded, targets)


def test_weights_divide_the_deltas(coder):
    boxes = torch.tensor([[0.0, 0, 100, 100]])
    decoded = coder.decode(boxes, torch.tensor([[1.0, 0, 5 * math.log(2), 0]]))
    torch.testing.assert_close(decoded, torch.tensor([[-40.0, 0, 160, 100]]))


def test_growth_is_capped_but_shrinking_is_not(coder):
    boxes = torch.tensor([[0.0, 0, 16, 16], [0, 0, 16, 16]])
    deltas = torch.tensor([[0.0, 0, 1e4, 1e4], [0, 0, -1e4, -1e4]])
    decoded = coder.decode(boxes, deltas)
    sides = decoded[:, 2:] - decoded[:, :2]
    torch.testing.assert_close(sides[0], torch.full((2,), 1000.0))
    assert sides[1].tolist() == [0, 0]


def test_clipping_to_height_and_width(coder):
    boxes = torch.tensor([[-5.0, -5, 500, 500]])
    decoded = coder.decode(boxes, torch.zeros(1, 4), max_shape=(100, 200))
    assert decoded.tolist() == [[0, 0, 200, 100]]


def test_no_boxes(coder):
    assert coder.decode(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0, 4)
