"""Bilinear sampling written as weighted sums of rows.

A feature map laid out pixel by pixel, (pixels, C), is sampled at a point by a
weighted sum of the rows of its four neighbours, which ``embedding_bag`` adds
up quickly. This module knows rows, indices and weights; it does not know what
is sampled or why.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Neighbours of a point that lies outside by less than a pixel are zeros, and
# points further away are moved to where all four neighbours are: a border of
# two pixels of zeros holds both without a test per neighbour.
BORDER = 2


def to_rows(features: Tensor, num_groups: int = 1) -> Tensor:
    """Rows (N * Hp * Wp * G, C / G) of (N, C, H, W) with a zero border."""
    batch, channels, height, width = features.shape
    padded = F.pad(features, (BORDER,) * 4).permute(0, 2, 3, 1)
    pixels = batch * (height + 2 * BORDER) * (width + 2 * BORDER)
    rows = padded.reshape(pixels * num_groups, channels // num_groups)
    return rows.contiguous()  # a single image can be reshaped without a copy


def from_rows(rows: Tensor, shape: torch.Size) -> Tensor:
    """Undo ``to_rows``: (N, C, H, W) without the border."""
    batch, channels, height, width = shape
    padded = rows.view(
        batch, height + 2 * BORDER, width + 2 * BORDER, channels
    )
    inner = padded[:, BORDER : height + BORDER, BORDER : width + BORDER]
    return inner.permute(0, 3, 1, 2).contiguous()


def split_coordinate(coordinate: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Integer (as float) and fractional part of coordinates with a border.

    ``coordinate`` counts from the border's first pixel and is changed. Points
    at or outside -1 or ``size`` in the unpadded map, and NaN, land in the
    zeros, so that neither value nor derivative reaches the map.
    """
    coordinate.nan_to_num_(0.0)
    torch.threshold_(coordinate, BORDER - 1.0, 0.0)
    coordinate.clamp_(max=float(size + BORDER))
    whole = coordinate.floor()
    return whole, coordinate.sub_(whole)


def neighbour_indices(first: Tensor, row_step: int, step: int) -> Tensor:
    """Row indices (..., 4) of the neighbours from that of the upper left."""
    return torch.stack(
        (first, first + step, first + row_step, first + (row_step + step)), -1
    )


def neighbour_weights(frac_y: Tensor, frac_x: Tensor) -> list[Tensor]:
    """Bilinear weights of the four neighbours, each shaped like ``frac_y``."""
    lower_right = frac_y * frac_x
    lower_left = frac_y - lower_right
    upper_right = frac_x - lower_right
    upper_left = (1 - frac_y).sub_(upper_right)
    return [upper_left, upper_right, lower_left, lower_right]


def gather(rows: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums (B, C) of rows (R, C) by (B, 4) indices and weights."""
    ends = torch.arange(
        0, indices.numel() + 1, 4, dtype=indices.dtype, device=indices.device
    )
    return torch.embedding_bag(
        rows, indices.view(-1), ends, False, 0, False, weights.view(-1), True
    )[0]


def gather_weight_grad(grad: Tensor, rows: Tensor, indices: Tensor) -> Tensor:
    """Derivative (B, 4) of ``gather`` by its weights from ``grad`` (B, C)."""
    entries = torch.arange(
        indices.numel(), dtype=indices.dtype, device=indices.device
    )
    return torch.ops.aten._embedding_bag_per_sample_weights_backward(
        grad,
        rows,
        indices.view(-1),
        entries[::4].contiguous(),
        entries >> 2,
        0,
        -1,
    ).view_as(indices)


def scatter_add(
    target: Tensor, values: Tensor, indices: Tensor, weights: Tensor
) -> None:
    """Add the transpose of ``gather`` of ``values`` (B, C) to ``target``.

    Entries sorted by target row make each row of the target one bag. Only the
    band of rows touched is written.
    """
    if not indices.numel():
        return
    row = indices.flatten()
    first, last = (int(bound) for bound in row.aminmax())
    row = row - first
    ends = F.pad(torch.bincount(row).cumsum(0), (1, 0)).to(row.dtype)
    order = _stable_order(row, last - first)
    source = order.to(row.dtype) >> 2  # four entries to a bag
    weights = weights.view(-1).index_select(0, order)
    target[first : last + 1] += torch.embedding_bag(
        values, source, ends, False, 0, False, weights, True
    )[0]


def _stable_order(keys: Tensor, largest: int) -> Tensor:
    """Indices (n,) that sort integer keys (n,) from 0 to ``largest``."""
    if largest < 2**16 and keys.device.type == 'cpu':
        # NumPy sorts 16-bit integers by radix, several times faster here.
        keys = keys.numpy().astype(np.uint16)
        return torch.from_numpy(np.argsort(keys, kind='stable'))
    return keys.sort(stable=True).indices
