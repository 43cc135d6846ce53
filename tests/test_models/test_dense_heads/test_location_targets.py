"""Batched target assignment against mmdet's FCOS, image by image."""

import pytest
import torch
from mmdet.models.dense_heads import FCOSHead
from mmengine.structures import InstanceData

from mmdet_ps.models.dense_heads.location_targets import (
    Grid,
    assign_to_boxes,
    distances_to_sides,
    inside_any_box,
)

GRID = Grid([(12, 16), (6, 8), (3, 4)], [8, 16, 32])
ON_FINEST = ((-1, 1e8), (-2, -1), (-2, -1))
BY_SIZE = ((-1, 24), (24, 48), (48, 1e8))


def random_boxes(generator, number):
    size = torch.tensor([128.0, 96])
    corners = torch.rand(2, number, 2, generator=generator) * size
    boxes = torch.cat([corners.amin(0), corners.amax(0)], dim=1)
    # Whole numbers, so that sides fall on locations and areas are equal.
    return (boxes / 4).round() * 4 if number % 2 else boxes


def fcos(ranges, radius):
    return FCOSHead(
        1,
        4,
        strides=GRID.strides,
        regress_ranges=ranges,
        center_sampling=radius is not None,
        center_sample_radius=radius or 0,
    )


@pytest.mark.parametrize('ranges', [ON_FINEST, BY_SIZE])
@pytest.mark.parametrize('radius', [1.5, 1.0, 2.25, None])
@pytest.mark.parametrize('numbers', [(5, 0, 9), (0, 0), (30, 1)])
def test_same_as_fcos(ranges, radius, numbers):
    generator = torch.Generator().manual_seed(sum(numbers))
    for _ in range(5):
        per_image = [random_boxes(generator, n) for n in numbers]
        boxes = torch.cat(per_image)
        images = torch.arange(len(numbers)).repeat_interleave(
            torch.tensor(numbers)
        )
        assigned = assign_to_boxes(
            boxes, images, GRID, len(numbers), ranges, radius
        )
        points = GRID.points(boxes.device)
        head = fcos(ranges, radius)
        level_points = points.split([h * w for h, w in GRID.sizes])
        for i, own in enumerate(per_image):
            labels, targets = head._get_targets_single(
                InstanceData(bboxes=own, labels=torch.zeros(len(own)).long()),
                points,
                torch.tensor(ranges).repeat_interleave(
                    torch.tensor([len(p) for p in level_points]), dim=0
                ),
                [len(p) for p in level_points],
            )
            positive = assigned[i] < len(boxes)
            assert torch.equal(positive, labels == 0)
            sides = distances_to_sides(
                points[positive], boxes[assigned[i][positive]]
            )
            assert torch.equal(sides, targets[positive][:, [0, 1, 2, 3]])


def test_a_person_trains_at_most_nine_locations():
    boxes = torch.tensor([[10.0, 10, 90, 90]])
    assigned = assign_to_boxes(
        boxes, torch.tensor([0]), GRID, 1, ON_FINEST, 1.5
    )
    assert (assigned == 0).sum() == 9


def test_a_box_between_locations_trains_none():
    boxes = torch.tensor([[5.0, 5, 11, 11]])
    assigned = assign_to_boxes(
        boxes, torch.tensor([0]), GRID, 1, ON_FINEST, 1.5
    )
    assert (assigned == 1).all()


def test_points_are_the_centres_of_their_cells():
    points = Grid([(2, 2)], [8]).points(torch.device('cpu'))
    assert points.tolist() == [[4, 4], [12, 4], [4, 12], [12, 12]]


@pytest.mark.parametrize('number', [0, 1, 7, 40])
def test_inside_any_box_by_brute_force(number):
    generator = torch.Generator().manual_seed(number)
    boxes = random_boxes(generator, number) * 1.2 - 10  # some stick out
    images = torch.randint(0, 3, (number,), generator=generator)
    inside = inside_any_box(boxes, images, GRID, 3)
    points = GRID.points(boxes.device)
    for image in range(3):
        own = boxes[images == image]
        low = points[:, None] >= own[:, :2]
        high = points[:, None] < own[:, 2:]
        expected = (low & high).all(-1).any(-1)
        assert torch.equal(inside[image], expected)
