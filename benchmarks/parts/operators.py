"""Operators: convolution, pooling, suppression, targets, index search."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torchvision
from deform_conv import make_inputs, of_torchvision, ours
from mmcv.ops import nms, roi_align

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.apis.vector_search import ExactSearch
from mmdet_ps.models.dense_heads.location_targets import (
    Grid,
    assign_to_boxes,
    image_of_each,
)
from mmdet_ps.models.task_modules.batched_assignment import (
    assign_by_overlap,
    masked_overlaps,
)

from .case import Case, Setting

# A level of AlignPS: channels in and out, height and width.
LEVEL, SMALL_LEVEL = (1, 512, 256, 108, 188), (1, 64, 64, 20, 30)


def make_convolution(backward: bool, setting: Setting) -> Case:
    shape = SMALL_LEVEL if setting.quick else LEVEL
    inputs = make_inputs(shape, setting.device)

    def run(function) -> None:
        if not backward:
            with torch.no_grad():
                function(**inputs)
            return
        output = function(**inputs)
        torch.autograd.grad(output.sum(), list(inputs.values()))

    return Case(
        partial(run, ours), partial(run, of_torchvision), 'torchvision'
    )


def boxes_of(count: int, setting: Setting) -> torch.Tensor:
    """Boxes (N, 4) of persons in a picture of 992x608."""
    draw = torch.Generator().manual_seed(0)
    corner = torch.rand(count, 2, generator=draw) * torch.tensor([900.0, 400])
    sides = 20 + 180 * torch.rand(count, 2, generator=draw)
    return torch.cat([corner, corner + sides], 1).to(setting.device)


def make_pooling(setting: Setting) -> Case:
    features = torch.randn(1, 1024, 38, 62, device=setting.device)
    boxes = boxes_of(300, setting)
    rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)

    @torch.no_grad()
    def run(function, *options) -> None:
        function(features, rois, (14, 7), 1 / 16, 0, *options)

    return Case(
        partial(run, roi_align, 'avg', False),
        partial(run, torchvision.ops.roi_align, False),
        'torchvision',
    )


def make_suppression(setting: Setting) -> Case:
    boxes = boxes_of(6000, setting)
    scores = torch.linspace(1, 0, len(boxes), device=setting.device)
    return Case(
        lambda: nms(boxes, scores, 0.7) and None,
        lambda: torchvision.ops.nms(boxes, scores, 0.7).sum() and None,
        'torchvision',
    )


def make_dense_targets(setting: Setting) -> Case:
    boxes = boxes_of(40, setting)
    sizes = [(108, 188), (54, 94), (27, 47), (14, 24), (7, 12)]
    grid = Grid(sizes, [8, 16, 32, 64, 128])
    ranges = ((-1, 1e8), *[(-2, -1)] * 4)
    images = image_of_each([10] * 4, boxes.device)
    return Case(
        lambda: (
            assign_to_boxes(boxes, images, grid, 4, ranges, 1.5).sum() and None
        )
    )


def make_anchor_targets(setting: Setting) -> Case:
    anchors = boxes_of(35_340, setting).expand(4, -1, -1)
    persons = boxes_of(40, setting).view(4, 10, 4)
    usable = torch.ones(anchors.shape[:2], dtype=torch.bool).to(persons.device)
    real = torch.ones_like(usable[:, :10])

    def run() -> None:
        overlaps = masked_overlaps(anchors, usable, persons, real)
        assign_by_overlap(overlaps, 0.7, 0.3, 0.3).sum().item()

    return Case(run)


def make_search(count: int, setting: Setting) -> Case:
    rng = np.random.default_rng(0)
    count = count // 10 if setting.quick else count
    vectors = rng.standard_normal((count, 256), np.float32)
    search = ExactSearch(vectors)
    return Case(lambda: search.nearest(vectors[:10], 50) and None)


CASES = {
    'deformable convolution': partial(make_convolution, False),
    'deformable convolution, with gradients': partial(make_convolution, True),
    'RoIAlign of 300 regions': make_pooling,
    'suppression among 6000 boxes': make_suppression,
    'targets of locations, 4 pictures': make_dense_targets,
    'targets of anchors, 4 pictures': make_anchor_targets,
    '10 searches among 200,000': partial(make_search, 200_000),
}
