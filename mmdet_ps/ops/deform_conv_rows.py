"""Deformable convolution by gathering rows: fast on CPUs."""

import math

import torch
from torch import Tensor

from .bilinear_rows import (
    from_rows,
    gather,
    gather_weight_grad,
    scatter_add,
    to_rows,
)
from .deform_sampling import Geometry, Samples, sample, sample_grad

# Output positions gathered at a time: enough rows for the matrix product to
# be efficient, few enough for the columns to stay in cache at 64 channels
# and to take 19 MB at 512.
BLOCK = 1024


def forward(
    features, offset, mask, weight, bias, shape: Geometry
) -> tuple[Tensor, tuple]:
    """Output (N, O, Ho, Wo) and what ``backward`` needs."""
    samples = sample(offset, mask, shape)
    rows = to_rows(features, shape.deform_groups)
    kernels = _kernels(weight, shape)
    batch, channels = features.size(0), weight.size(0)
    output = features.new_empty(batch, channels, shape.positions)
    for image, places, bags in _blocks(batch, shape):
        columns = gather(
            rows, samples.indices[image, bags], samples.weights[image, bags]
        )
        outputs = output[image, :, places].chunk(shape.groups)
        for kernel, part, target in zip(
            kernels, _split(columns, shape), outputs
        ):
            torch.mm(kernel, part.t(), out=target)
    if bias is not None:
        output += bias[:, None]
    return (
        output.view(batch, channels, *shape.out_size),
        (features, weight, *samples),
    )


def backward(
    grad_output: Tensor, saved: tuple, needed: tuple, shape: Geometry
) -> tuple[Tensor | None, ...]:
    """Gradients of features, offset, mask, weight and bias, None if not
    needed."""
    features, weight, *samples = saved
    samples = Samples(*samples)
    grad_output = grad_output.flatten(2)
    grad_bias = grad_output.sum((0, 2)) if needed[4] else None
    if not any(needed[:4]):
        return None, None, None, None, grad_bias
    rows = to_rows(features, shape.deform_groups)
    kernels = _kernels(weight, shape)
    grad_rows = torch.zeros_like(rows) if needed[0] else None
    grad_kernels = torch.zeros_like(kernels) if needed[3] else None
    needs_samples = needed[1] or needed[2]
    grad_weights = torch.empty_like(samples.weights) if needs_samples else None
    for image, places, bags in _blocks(features.size(0), shape):
        grad = grad_output[image, :, places]
        indices = samples.indices[image, bags]
        weights = samples.weights[image, bags]
        if needed[3]:
            columns = gather(rows, indices, weights)
            _add_kernel_grad(grad_kernels, grad, columns, shape)
        if needed[0] or needs_samples:
            columns = _column_grad(kernels, grad, shape)
            columns = columns.view(-1, rows.size(1))
        if needs_samples:
            grad_weights[image, bags] = gather_weight_grad(
                columns, rows, indices
            )
        if needed[0]:
            scatter_add(grad_rows, columns, indices, weights)
    grad_offset = grad_mask = None
    if needs_samples:
        grad_offset, grad_mask = sample_grad(grad_weights, samples, shape)
    return (
        from_rows(grad_rows, features.shape) if needed[0] else None,
        grad_offset,
        grad_mask,
        _weight_grad(grad_kernels, weight) if needed[3] else None,
        grad_bias,
    )


def _blocks(batch: int, shape: Geometry):
    """Image, positions and bags of each block."""
    per_position = shape.taps * shape.deform_groups
    num_blocks = math.ceil(shape.positions / BLOCK)
    block = math.ceil(shape.positions / num_blocks)
    for image in range(batch):
        for start in range(0, shape.positions, block):
            stop = min(start + block, shape.positions)
            yield (
                image,
                slice(start, stop),
                slice(start * per_position, stop * per_position),
            )


def _kernels(weight: Tensor, shape: Geometry) -> Tensor:
    """(O, C / g, kh, kw) as (g, O / g, K * C / g)."""
    taps_first = weight.flatten(2).transpose(1, 2)
    per_group = weight.size(0) // shape.groups
    return taps_first.reshape(shape.groups, per_group, -1)


def _weight_grad(grad_kernels: Tensor, weight: Tensor) -> Tensor:
    """Undo ``_kernels`` for the gradient."""
    outputs, inputs = weight.shape[:2]
    taps_first = grad_kernels.view(outputs, -1, inputs)
    return taps_first.transpose(1, 2).reshape(weight.shape)


def _split(columns: Tensor, shape: Geometry) -> list[Tensor]:
    """(p * K * G, C / G) as one (p, K * C / g) per group of the weight."""
    samples, channels = columns.shape
    positions = samples // (shape.taps * shape.deform_groups)
    columns = columns.view(positions, shape.taps, shape.groups, -1)
    return [part.flatten(1) for part in columns.unbind(2)]


def _add_kernel_grad(
    grad_kernels: Tensor, grad: Tensor, columns: Tensor, shape: Geometry
) -> None:
    """Add the product of ``grad`` (O, p) and columns to (g, O / g, K * C /
    g)."""
    for target, part, columns_part in zip(
        grad_kernels, grad.chunk(shape.groups), _split(columns, shape)
    ):
        target.addmm_(part, columns_part)


def _column_grad(kernels: Tensor, grad: Tensor, shape: Geometry) -> Tensor:
    """Gradient (p, K, g, C / g) of the columns from ``grad`` (O, p)."""
    parts = [
        torch.mm(part.t(), kernel).view(part.size(1), shape.taps, -1)
        for part, kernel in zip(grad.chunk(shape.groups), kernels)
    ]
    return parts[0] if len(parts) == 1 else torch.stack(parts, 2)
