"""Deformable convolution by torchvision's kernels (CUDA)."""

import torch
from torch import Tensor

from .deform_sampling import Geometry, tap_grid


def forward(
    features, offset, mask, weight, bias, shape: Geometry
) -> tuple[Tensor, tuple]:
    """Output (N, O, Ho, Wo) and what ``backward`` needs."""
    if not features.size(0):
        output = features.new_zeros(0, weight.size(0), *shape.out_size)
    else:
        offset = _far_outside(offset, shape)
        output = torch.ops.torchvision.deform_conv2d(
            *_operands(features, offset, mask, weight, bias),
            *_scalars(shape),
            mask is not None,
        )
    return output, (features, offset, mask, weight, bias)


def backward(
    grad_output: Tensor, saved: tuple, needed: tuple, shape: Geometry
) -> tuple[Tensor | None, ...]:
    """Gradients of features, offset, mask, weight and bias."""
    features, offset, mask, weight, bias = saved
    if not features.size(0):
        return tuple(None if t is None else torch.zeros_like(t) for t in saved)
    operands = _operands(features, offset, mask, weight, bias)
    grads = torch.ops.torchvision._deform_conv2d_backward(
        grad_output.contiguous(), *operands, *_scalars(shape), mask is not None
    )
    grad_features, grad_weight, grad_offset, grad_mask, grad_bias = grads
    return grad_features, grad_offset, grad_mask, grad_weight, grad_bias


def _operands(features, offset, mask, weight, bias) -> tuple[Tensor, ...]:
    """torchvision's order, with dummies for what is absent."""
    if mask is None:
        mask = offset.new_zeros(offset.size(0), 1)
    if bias is None:
        bias = weight.new_zeros(weight.size(0))
    return (
        features.contiguous(),
        weight.contiguous(),
        offset.contiguous(),
        mask.contiguous(),
        bias.contiguous(),
    )


def _scalars(shape: Geometry) -> tuple[int, ...]:
    return (
        *shape.stride,
        *shape.padding,
        *shape.dilation,
        shape.groups,
        shape.deform_groups,
    )


def _far_outside(offset: Tensor, shape: Geometry) -> Tensor:
    """Offsets with every point that counts as outside moved to -2.

    torchvision reads past the map for NaN, and at exactly -1 it gives the
    offset the one-sided derivative where mmcv gives zero; with the usual
    start, offsets of zero, that is every point on the padding.
    """
    batch, _, height, width = offset.shape
    offset = offset.view(batch, -1, *shape.kernel, 2, height, width)
    moved = torch.empty_like(offset)
    for axis in (0, 1):
        moves = offset[..., axis, :, :]
        grid = tap_grid(shape, axis, offset).t()
        taps, places = grid.shape
        if axis == 0:
            grid = grid.view(taps, 1, places, 1)
        else:
            grid = grid.view(1, taps, 1, places)
        point = moves + grid
        inside = (point > -1) & (point < shape.in_size[axis])
        moved[..., axis, :, :] = torch.where(inside, moves, -2 - grid)
    return moved.view(batch, -1, height, width)
