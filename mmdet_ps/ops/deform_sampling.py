"""Where a deformable convolution samples its input.

Order of everything here: image, output position, kernel tap, deformable
group, so that the taps of one output position are neighbours in memory and a
matrix product can follow without a copy.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .bilinear_rows import (
    BORDER,
    neighbour_indices,
    neighbour_weights,
    split_coordinate,
)


class Geometry(NamedTuple):
    """Shape of one deformable convolution; pairs are (y, x)."""

    in_size: tuple[int, int]
    out_size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    deform_groups: int

    @property
    def positions(self) -> int:
        """Pixels of the output."""
        return self.out_size[0] * self.out_size[1]

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return self.kernel[0] * self.kernel[1]


class Samples(NamedTuple):
    """Sampling points as rows to add up; B = positions * taps * groups.

    ``indices`` and ``weights`` (the modulation included) are (N, B, 4);
    ``frac_y``, ``frac_x`` and ``modulation`` (or None) are (N, B).
    """

    indices: Tensor
    weights: Tensor
    frac_y: Tensor
    frac_x: Tensor
    modulation: Tensor | None


def sample(offset: Tensor, mask: Tensor | None, shape: Geometry) -> Samples:
    """Samples of ``offset`` (N, G * K * 2, Ho, Wo) and ``mask`` (N, G * K,
    Ho, Wo), offsets ordered y, x for each tap."""
    batch = offset.size(0)
    moves = _to_samples(offset, 2, shape)
    whole_y, frac_y = _coordinates(moves[..., 0], shape, 0)
    whole_x, frac_x = _coordinates(moves[..., 1], shape, 1)
    width = shape.in_size[1] + 2 * BORDER
    height = shape.in_size[0] + 2 * BORDER
    first = whole_y.to(torch.int32).mul_(width).add_(whole_x.to(torch.int32))
    if batch > 1:
        images = torch.arange(batch, dtype=first.dtype, device=first.device)
        first += (images * (height * width)).view(-1, 1, 1, 1)
    groups = shape.deform_groups
    if groups > 1:
        first *= groups
        first += torch.arange(groups, dtype=first.dtype, device=first.device)
    weights = neighbour_weights(frac_y, frac_x)
    modulation = None
    if mask is not None:
        modulation = _to_samples(mask, 1, shape)[..., 0].contiguous()
        weights = [weight.mul_(modulation) for weight in weights]
        modulation = modulation.flatten(1)
    return Samples(
        neighbour_indices(first, width * groups, groups).flatten(1, -2),
        torch.stack(weights, -1).flatten(1, -2),
        frac_y.flatten(1),
        frac_x.flatten(1),
        modulation,
    )


def sample_grad(
    grad_weights: Tensor, samples: Samples, shape: Geometry
) -> tuple[Tensor, Tensor | None]:
    """Gradients of offset and mask from that of the unmodulated weights.

    ``grad_weights`` (N, B, 4) is the derivative by the weight each neighbour
    contributes with, modulation included.
    """
    upper_left, upper_right, lower_left, lower_right = grad_weights.unbind(-1)
    _, _, frac_y, frac_x, modulation = samples
    left, right = lower_left - upper_left, lower_right - upper_right
    upper, lower = upper_right - upper_left, lower_right - lower_left
    grad_y = torch.lerp(left, right, frac_x)
    grad_x = torch.lerp(upper, lower, frac_y)
    grad_mask = None
    if modulation is not None:
        # The sampled value is its upper edge plus the way down.
        grad_mask = torch.lerp(upper_left, upper_right, frac_x)
        grad_mask.addcmul_(grad_y, frac_y)
        grad_y.mul_(modulation)
        grad_x.mul_(modulation)
        grad_mask = _from_samples(grad_mask[..., None], shape)
    grad_offset = _from_samples(torch.stack((grad_y, grad_x), -1), shape)
    return grad_offset, grad_mask


def _to_samples(maps: Tensor, size: int, shape: Geometry) -> Tensor:
    """(N, G * K * size, Ho, Wo) seen as (N, P, K, G, size)."""
    batch = maps.size(0)
    positions, taps, groups = shape.positions, shape.taps, shape.deform_groups
    maps = maps.reshape(batch, groups, taps, size, positions)
    return maps.permute(0, 4, 2, 1, 3)


def _from_samples(values: Tensor, shape: Geometry) -> Tensor:
    """(N, B, size) as (N, G * K * size, Ho, Wo)."""
    batch, _, size = values.shape
    positions, taps, groups = shape.positions, shape.taps, shape.deform_groups
    values = values.view(batch, positions, taps, groups, size)
    return values.permute(0, 3, 2, 4, 1).reshape(
        batch, groups * taps * size, *shape.out_size
    )


def _coordinates(
    moves: Tensor, shape: Geometry, axis: int
) -> tuple[Tensor, Tensor]:
    """Whole and fractional parts (N, P, K, G) of one coordinate."""
    grid = tap_grid(shape, axis, moves).add_(BORDER)
    grid = grid[:, None, :, None] if axis == 0 else grid[None, :, None, :]
    grid = grid.expand(*shape.out_size, *shape.kernel)
    grid = grid.reshape(shape.positions, shape.taps, 1)
    coordinate = torch.empty(
        moves.shape, dtype=moves.dtype, device=moves.device
    )
    torch.add(moves, grid, out=coordinate)
    return split_coordinate(coordinate, shape.in_size[axis])


def tap_grid(shape: Geometry, axis: int, like: Tensor) -> Tensor:
    """Coordinates (out_size, kernel) of unmoved taps along one axis."""
    options = dict(dtype=like.dtype, device=like.device)
    starts = torch.arange(shape.out_size[axis], **options)
    steps = torch.arange(shape.kernel[axis], **options)
    starts.mul_(shape.stride[axis]).sub_(shape.padding[axis])
    return starts[:, None] + steps * shape.dilation[axis]
