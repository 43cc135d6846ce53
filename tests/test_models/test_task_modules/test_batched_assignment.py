"""Batched matching and sampling against mmdet's, image by image."""

import pytest
import torch
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmengine.structures import InstanceData

from mmdet_ps.models.task_modules.batched_assignment import (
    BACKGROUND,
    UNUSED,
    assign_by_overlap,
    masked_overlaps,
    pad,
    sample_boxes,
    sample_places,
)


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
    assigned = assign_by_overlap(
        masked_overlaps(padded, usable, *pad(persons)), 0.7, 0.3, low_quality
    )
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


def test_drawing_is_uniform_and_limited():
    torch.manual_seed(0)
    mask = torch.tensor([[True, False, True, True], [False] * 4])
    seen = torch.zeros(4)
    for _ in range(600):
        drawn = sample_places(mask, torch.tensor([2, 2]))
        assert drawn[0].sum() == 2 and not drawn[1].any()
        seen += drawn[0]
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


def test_padding():
    rows, real = pad([torch.ones(2, 4), torch.ones(0, 4)])
    assert rows.shape == (2, 2, 4)
    assert real.tolist() == [[True, True], [False, False]]
    rows, real = pad([torch.ones(0, 4)])
    assert rows.shape == (1, 1, 4) and not real.any()
