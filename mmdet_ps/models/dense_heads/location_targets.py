"""Which location of a dense head answers for which box, for whole batches.

Boxes of all images come in one tensor with the index of their image. The
locations of an image are those of all its levels, level by level and row by
row; P is their number.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

INF = 1e8


class Grid(NamedTuple):
    """The locations of an image."""

    sizes: Sequence[tuple[int, int]]  # height and width of each level
    strides: Sequence[int]

    @property
    def num_locations(self) -> int:
        return sum(height * width for height, width in self.sizes)

    def points(self, device: torch.device) -> Tensor:
        """Centres x, y of all locations in pixels, (P, 2)."""
        levels = []
        for (height, width), stride in zip(self.sizes, self.strides):
            ys = (torch.arange(height, device=device) + 0.5) * stride
            xs = (torch.arange(width, device=device) + 0.5) * stride
            ys, xs = torch.meshgrid(ys, xs, indexing='ij')
            levels.append(torch.stack([xs, ys], dim=-1).view(-1, 2))
        return torch.cat(levels)

    def strides_of_points(self, device: torch.device) -> Tensor:
        """Stride of all locations, (P,)."""
        counts = [height * width for height, width in self.sizes]
        return torch.tensor(
            self.strides[: len(counts)], device=device
        ).repeat_interleave(
            torch.tensor(counts, device=device),
            output_size=self.num_locations,
        )


def image_of_each(counts: list[int], device: torch.device) -> Tensor:
    """Index of the image of each box, where images have ``counts``, (G,)."""
    return torch.arange(len(counts), device=device).repeat_interleave(
        torch.tensor(counts, device=device), output_size=sum(counts)
    )


def flatten_levels(maps: list[Tensor]) -> Tensor:
    """Level maps (B, C, H, W) as (B, P, C)."""
    return torch.cat([m.flatten(2) for m in maps], dim=2).transpose(1, 2)


def distances_to_sides(points: Tensor, boxes: Tensor) -> Tensor:
    """Left, top, right, bottom distances of (..., 2) in (..., 4) boxes."""
    return torch.cat(
        [points - boxes[..., :2], boxes[..., 2:] - points], dim=-1
    )


def assign_to_boxes(
    boxes: Tensor,
    images: Tensor,
    grid: Grid,
    num_images: int,
    regress_ranges: Sequence[tuple[float, float]],
    radius: float | None,
) -> Tensor:
    """Index of the box each location is trained on, ``len(boxes)`` for none.

    A location may take a box if it lies inside it, no farther than ``radius``
    strides from its centre (anywhere inside if None) and if its largest
    distance to a side is in the range of its level. Of several boxes it takes
    the smallest one.

    Args:
        boxes (Tensor): (G, 4), of all images.
        images (Tensor): (G,) index of each box's image.

    Returns:
        Tensor: (num_images, P) int64.
    """
    candidates = []
    # What a box does not take goes to a place behind all locations, which is
    # dropped again: so a GPU need not be waited for to know how many it takes.
    nowhere = num_images * grid.num_locations
    start = 0
    for size, stride, limits in zip(grid.sizes, grid.strides, regress_ranges):
        height, width = size
        # A level whose range ends below zero takes no box at all.
        if limits[1] >= 0 and len(boxes):
            box, cell = _level_candidates(boxes, size, stride, limits, radius)
            location = images[box] * grid.num_locations + start + cell
            location = location.where(cell >= 0, nowhere)
            candidates.append(torch.stack([box, location]))
        start += height * width
    assigned = images.new_full((nowhere + 1,), len(boxes))
    if candidates:
        box, location = torch.cat(candidates, dim=1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
        smallest = area.new_full((len(assigned),), float('inf'))
        # Of the boxes that want a location the smallest gets it; of equally
        # small ones the first.
        smallest.scatter_reduce_(0, location, area[box], 'amin')
        winner = area[box] == smallest[location]
        box = box.where(winner, len(boxes))
        assigned.scatter_reduce_(0, location, box, 'amin')
    return assigned[:-1].view(num_images, -1)


def _level_candidates(
    boxes: Tensor,
    size: tuple[int, int],
    stride: int,
    limits: tuple[float, float],
    radius: float | None,
) -> tuple[Tensor, Tensor]:
    """Pairs (box, cell) of a level that may be trained on each other, and
    others whose cell is negative."""
    height, width = size
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    # Around each box a window of cells that is sure to hold the centre
    # region, instead of all cells of the map.
    if radius is None:
        first = torch.zeros_like(centers).long()
        window = (width, height)
    else:
        first = (centers / stride - 0.5 - radius).floor().long()
        window = (math.ceil(2 * radius) + 2,) * 2
    xs = first[:, :1] + torch.arange(window[0], device=boxes.device)
    ys = first[:, 1:] + torch.arange(window[1], device=boxes.device)
    xs, ys = torch.broadcast_tensors(xs[:, None, :], ys[:, :, None])
    points = (torch.stack([xs, ys], dim=-1) + 0.5) * stride
    sides = distances_to_sides(points, boxes[:, None, None])
    reach = sides.amax(dim=-1)
    allowed = (sides.amin(dim=-1) > 0) & (reach >= limits[0])
    allowed &= (reach <= limits[1]) & (xs >= 0) & (xs < width)
    allowed &= (ys >= 0) & (ys < height)
    if radius is not None:
        low = (centers - stride * radius)[:, None, None]
        high = (centers + stride * radius)[:, None, None]
        allowed &= ((points > low) & (points < high)).all(dim=-1)
    cells = (ys * width + xs).where(allowed, -1).flatten()
    box = torch.arange(len(boxes), device=boxes.device)
    return box.repeat_interleave(len(cells) // len(boxes)), cells


def inside_any_box(
    boxes: Tensor, images: Tensor, grid: Grid, num_images: int
) -> Tensor:
    """Whether each location lies in one of its image's (G, 4) boxes.

    Counts the boxes over every location at once: each box adds and takes
    away one at its corners, two running sums do the rest.

    Returns:
        Tensor: (num_images, P) bool.
    """
    levels = []
    for (height, width), stride in zip(grid.sizes, grid.strides):
        # First location at or after each side, cut to the map.
        edges = (boxes / stride - 0.5).ceil().long()
        limit = edges.new_tensor([width, height, width, height])
        x1, y1, x2, y2 = edges.clamp(min=0).minimum(limit).unbind(dim=1)
        count = boxes.new_zeros(num_images, height + 1, width + 1)
        one = boxes.new_ones(len(boxes))
        for y, x, sign in (
            (y1, x1, one),
            (y2, x2, one),
            (y1, x2, -one),
            (y2, x1, -one),
        ):
            count.index_put_((images, y, x), sign, accumulate=True)
        count = count.cumsum(dim=1).cumsum(dim=2)[:, :-1, :-1]
        levels.append((count > 0.5).flatten(1))
    return torch.cat(levels, dim=1)
