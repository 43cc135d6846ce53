"""Batched matching and sampling against mmdet's, image by image."""

import pytest
import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmengine.structures import InstanceData

from mmdet_ps.models.task_modules import batched_assignment
from mmdet_ps.models.task_modules.batched_assignment import (
    BACKGROUND,
    UNUSED,
    assign_persons,
    draw_places,
    pad,
    sample_boxes,
    sample_boxes_on_host,
)
from tests.largest_tensor import LargestTensor


def random_boxes(number, generator):
    corner = torch.rand(number, 2, generator=generator) * 60
    size = torch.rand(number, 2, generator=generator) * 30 + 1
    return torch.cat([corner, corner + size], dim=1)


@pytest.mark.parametrize('low_quality', [None, 0.3])
@pytest.mark.parametrize('numbers', [(3, 0, 12), (0, 0), (1,)])
def test_same_as_mmdet(low_quality, numbers):
    generator = torch.Generator().manual_seed(1)
    persons = [random_boxes(n, generator) for n in numbers]
    boxes = [
        torch.cat([random_boxes(40, generator), own + 2, own])
        for own in persons
    ]
    rule = MaxIoUAssigner(
        pos_iou_thr=0.7,
        neg_iou_thr=0.3,
        min_pos_iou=low_quality or 0.7,
        match_low_quality=low_quality is not None,
    )
    padded, usable = pad(boxes)
    assigned = assign_persons(padded, usable, *pad(persons), rule)
    for row, own_boxes, own in zip(assigned, boxes, persons):
        expected = rule.assign(
            InstanceData(priors=own_boxes),
            InstanceData(bboxes=own, labels=torch.zeros(len(own)).long()),
        ).gt_inds
        # mmdet: 0 is background, -1 unused.
        expected = torch.where(
            expected == -1, torch.tensor(UNUSED), expected - 1
        )
        assert torch.equal(row[: len(own_boxes)], expected)


@pytest.mark.parametrize('low_quality', [True, False])
def test_a_crowd_is_assigned_in_parts(low_quality, monkeypatch):
    generator = torch.Generator().manual_seed(2)
    boxes = torch.stack([random_boxes(1500, generator) for _ in range(2)])
    persons, real = pad([random_boxes(n, generator) for n in (200, 30)])
    boxes[1, 700] = boxes[1, 1400] = persons[1, 7]  # in two parts, as good
    usable = torch.rand(2, 1500, generator=generator) < 0.8
    usable[1, [700, 1400]] = True
    rule = MaxIoUAssigner(
        pos_iou_thr=0.7,
        neg_iou_thr=0.3,
        min_pos_iou=0.3,
        match_low_quality=low_quality,
    )
    expected = assign_persons(boxes, usable, persons, real, rule)
    monkeypatch.setattr(batched_assignment, 'OVERLAPS', 2**14)
    with LargestTensor() as largest:
        assigned = assign_persons(boxes, usable, persons, real, rule)
    assert torch.equal(assigned, expected)
    assert (assigned[1, [700, 1400]] >= 0).all()
    # Of 600,000 overlaps; corners have two numbers each.
    assert largest.number <= 2 * 2**14


def test_drawing_is_uniform_and_limited():
    torch.manual_seed(0)
    mask = torch.tensor([[True, False, True, True], [False] * 4])
    seen = torch.zeros(4)
    for _ in range(600):
        places, taken = draw_places(mask, torch.tensor([2, 2]), 3)
        assert taken[0].sum() == 2 and not taken[1].any()
        seen[places[0, taken[0]]] += 1
    assert seen[1] == 0
    assert (seen[[0, 2, 3]] - 400).abs().max() < 60


def test_background_fills_up_what_positives_leave():
    assigned = torch.tensor(
        [[0, 0, 1, BACKGROUND, BACKGROUND, UNUSED], [BACKGROUND] * 6]
    )
    positive, negative = sample_boxes(assigned, 4, 0.5)
    assert positive.sum(1).tolist() == [2, 0]
    assert negative.sum(1).tolist() == [2, 4]
    assert (assigned[positive] >= 0).all()
    assert (assigned[negative] == BACKGROUND).all()


def test_the_host_is_told_the_same_boxes():
    generator = torch.Generator().manual_seed(0)
    assigned = torch.randint(UNUSED, 3, (3, 50), generator=generator)
    assigned[1] = BACKGROUND
    torch.manual_seed(1)
    positive, negative = sample_boxes(assigned, 16, 0.25)
    torch.manual_seed(1)
    found = sample_boxes_on_host(assigned, 16, 0.25)
    image, index = (positive | negative).nonzero(as_tuple=True)
    assert torch.equal(found.image, image)
    assert torch.equal(found.index, index)
    assert torch.equal(found.positive, positive[image, index])
    assert found.positive.sum() == 8


def test_padding():
    rows, real = pad([torch.ones(2, 4), torch.ones(0, 4)])
    assert rows.shape == (2, 2, 4)
    assert real.tolist() == [[True, True], [False, False]]
    rows, real = pad([torch.ones(0, 4)])
    assert rows.shape == (1, 1, 4) and not real.any()
