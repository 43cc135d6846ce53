"""3x3 convolutions with a third of the multiplications, for prediction.

Winograd's minimal filtering computes m neighbouring outputs of a 3-tap filter
with m + 2 multiplications in place of 3 m: inputs and filter are evaluated as
polynomials at m + 2 points, multiplied there, and the product is interpolated
(Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
2016). Between the channels this leaves one matrix product per point.

The points are 0, 1, -1, 1/2, -2 and infinity. With 512 channels, outputs that
vary by one are right to 1e-5; those of a direct convolution to 1e-6 or 5e-6,
which depends on how it adds up, and with the more usual points 0, 1, -1, 2, -2
to 2e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .kept_values import KeepsValues, predicts

POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
# Outputs of a tile, at most.
TILE = 4
# A map of at most so many rows or columns is one block of tiles, longer ones
# are cut into blocks of one tile.
LONGEST_BLOCK = 8
# With fewer channels the transformations cost what the products save.
LEAST_CHANNELS = 256
# With fewer blocks the weights take longer to read than to multiply with.
LEAST_BLOCKS = 64
# Bytes of the values of so many blocks as are computed at a time. What is
# greater than 32 MiB the C library asks of the system anew each time.
PIECE = 24 * 2**20


@dataclass(frozen=True)
class Axis:
    """How the rows, or the columns, of a map are cut into blocks.

    Attributes:
        blocks: Number of blocks.
        outputs: Outputs of a block.
        interpolate: From the points of a block to its outputs, (outputs,
            points) float64.
        filters: From the 3 taps of a filter to the points, (points, 3)
            float64.
        evaluate: From a block's inputs to the points, (points, inputs)
            float64. The inputs of a single block are the outputs' places; of
            one among many, these and one on either side.
    """

    blocks: int
    outputs: int
    interpolate: Tensor
    filters: Tensor
    evaluate: Tensor


class WinogradConv2d(KeepsValues, nn.Conv2d):
    """A convolution that takes this way in prediction, where it pays."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H, W)."""
        autocast = torch.is_autocast_enabled(x.device.type)
        if autocast or not (predicts(self) and pays(self, x)):
            return super().forward(x)
        size = x.shape[2:]
        filters = self.kept(
            'filters',
            [self.weight],
            kind_of(*size),
            lambda: transform(self.weight, *size),
        )
        return convolve(x, filters, self.bias)


def use_winograd(model: nn.Module) -> None:
    """Let the plain convolutions of a model that this suits take this way.

    Args:
        model: Changed in place. Its weights, their names, its training and
            its gradients stay as they are.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and suits(module):
            module.__class__ = WinogradConv2d


def suits(conv: nn.Conv2d) -> bool:
    """Whether a convolution is one that this can be faster for."""
    return (
        conv.kernel_size == (3, 3)
        and conv.stride == conv.dilation == conv.padding == (1, 1)
        and conv.groups == 1
        and conv.padding_mode == 'zeros'
        and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
    )


def pays(conv: nn.Conv2d, x: Tensor) -> bool:
    """Whether this is faster for maps (N, C, H, W)."""
    if x.device.type != 'cpu' or x.dtype != torch.float32 or not suits(conv):
        return False
    blocks = len(x) * axis(x.shape[2]).blocks * axis(x.shape[3]).blocks
    return blocks >= LEAST_BLOCKS


@lru_cache
def axis(length: int) -> Axis:
    """How this many rows, or columns, are cut."""
    if length > LONGEST_BLOCK:
        interpolate, filters, evaluate = tile(TILE)
        return Axis(-(-length // TILE), TILE, interpolate, filters, evaluate)
    sizes = [TILE] * (length // TILE)
    if length % TILE:
        sizes.append(length % TILE)
    parts = [tile(size) for size in sizes]
    interpolate = torch.block_diag(*[part[0] for part in parts])
    filters = torch.cat([part[1] for part in parts])
    # Each tile begins one place before its first output. What lies outside
    # of the map is zero and left out.
    evaluate = filters.new_zeros(len(filters), length + 2)
    row = start = 0
    for size, (_, _, part) in zip(sizes, parts):
        evaluate[row : row + size + 2, start : start + size + 2] = part
        row, start = row + size + 2, start + size
    return Axis(1, length, interpolate, filters, evaluate[:, 1:-1])


def tile(outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrices of Winograd's F(m, 3).

    With M(x) the product of (x - p) over the finite points p, and M_p that
    without the factor of p: a filter's value at p is divided by M_p(p), and
    the inputs are multiplied with the coefficients of M_p; at infinity with
    those of M.

    Args:
        outputs: m, from 1 to 4.

    Returns:
        tuple: interpolation (m, m + 2), filters (m + 2, 3) and evaluation
        (m + 2, m + 2), float64.
    """
    points = torch.tensor(
        POINTS[: outputs + 1], dtype=torch.float64, device='cpu'
    )
    number = outputs + 2
    interpolate = points.new_zeros(outputs, number)
    filters = points.new_zeros(number, 3)
    evaluate = points.new_zeros(number, number)
    for i, point in enumerate(points):
        others = torch.cat([points[:i], points[i + 1 :]])
        interpolate[:, i] = point ** torch.arange(outputs, device='cpu')
        filters[i] = (
            point ** torch.arange(3, device='cpu') / (point - others).prod()
        )
        evaluate[i, :-1] = coefficients(others)
    interpolate[-1, -1] = filters[-1, -1] = 1
    evaluate[-1] = coefficients(points)
    return interpolate, filters, evaluate


def coefficients(roots: Tensor) -> Tensor:
    """Of the product of (x - root), (number of roots + 1,), constant first."""
    found = roots.new_ones(1)
    for root in roots:
        found = F.pad(found, (1, 0)) - root * F.pad(found, (0, 1))
    return found


def kind_of(height: int, width: int) -> tuple[int, int]:
    """The same for all sizes of maps that take the same filters."""
    return min(height, LONGEST_BLOCK + 1), min(width, LONGEST_BLOCK + 1)


def transform(weight: Tensor, height: int, width: int) -> Tensor:
    """The filters at the points, (points, C, O) float32.

    Args:
        weight: (O, C, 3, 3).
        height, width: of the maps.
    """
    rows, columns = axis(height).filters, axis(width).filters
    outputs, inputs = weight.shape[:2]
    points = len(rows), len(columns)
    found = weight.new_empty(*points, inputs, outputs, dtype=torch.float32)
    taps = weight.permute(2, 3, 1, 0).double()
    # A row at a time: all in double precision take twice the memory.
    for row, values in zip(rows, found):
        values.copy_(
            torch.tensordot(columns, torch.tensordot(row, taps, 1), 1)
        )
    return found.flatten(0, 1)


def convolve(x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    """As ``F.conv2d`` with padding 1, but for rounding.

    Args:
        x: (N, C, H, W) float32.
        filters: from :func:`transform`, for this height and width.
        bias: (O,) float32.

    Returns:
        Tensor: (N, O, H, W), with the channels innermost in memory.
    """
    rows, columns = axis(x.shape[2]), axis(x.shape[3])
    blocks = cut(x.permute(0, 2, 3, 1), rows, columns)
    evaluate = torch.kron(rows.evaluate, columns.evaluate).float()
    interpolate = torch.kron(rows.interpolate, columns.interpolate).float()
    size = evaluate.shape[0] * max(filters.shape[1:]) * x.element_size()
    number = max(1, PIECE // size)
    outputs = x.new_empty(len(blocks), len(interpolate), filters.shape[2])
    for piece, found in zip(blocks.split(number), outputs.split(number)):
        values = torch.bmm(evaluate.expand(len(piece), -1, -1), piece)
        values = torch.bmm(values.transpose(0, 1), filters).transpose(0, 1)
        torch.bmm(interpolate.expand(len(piece), -1, -1), values, out=found)
    if bias is not None:
        outputs += bias
    return joined(outputs, rows, columns, x.shape).permute(0, 3, 1, 2)


def cut(x: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """The blocks of maps (N, H, W, C), (blocks, inputs, C), row by row."""
    x = cut_axis(cut_axis(x, 1, rows), 3, columns)
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def cut_axis(x: Tensor, dim: int, part: Axis) -> Tensor:
    """The blocks along an axis, as two axes: the blocks and their inputs."""
    if part.blocks == 1:
        return x.unsqueeze(dim)
    padding = 1, 1 + part.blocks * part.outputs - x.shape[dim]
    x = F.pad(x, (0, 0) * (x.ndim - 1 - dim) + padding)
    return x.unfold(dim, part.outputs + 2, part.outputs).movedim(-1, dim + 1)


def joined(
    outputs: Tensor, rows: Axis, columns: Axis, shape: tuple[int, ...]
) -> Tensor:
    """Maps (N, H, W, O) of blocks (blocks, outputs, O); ``shape`` is that of
    the input, (N, C, H, W)."""
    number, _, height, width = shape
    blocks = number, rows.blocks, columns.blocks
    outputs = outputs.view(*blocks, rows.outputs, columns.outputs, -1)
    outputs = outputs.transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return outputs[:, :height, :width]
