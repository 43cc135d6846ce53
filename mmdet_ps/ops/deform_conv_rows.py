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

# Output positions gathered at a time: as many as make columns of 3 MB, which
# a cache holds, but enough for an efficient matrix product. Small maps share
# a block.
COLUMNS = 750_000
POSITIONS = 512


def forward(
    features, offset, mask, weight, bias, shape: Geometry
) -> tuple[Tensor, tuple]:
    """Output (N, O, Ho, Wo) and what ``backward`` needs."""
    samples = sample(offset, mask, shape)
    rows = to_rows(features, shape.deform_groups)
    kernels = _kernels(weight, shape)
    batch, channels = features.size(0), weight.size(0)
    output = _empty_output(features, channels, shape)
    for images, places, bags in _blocks(features.shape, shape):
        columns = gather(
            rows,
            samples.indices[images, bags].flatten(0, 1),
            samples.weights[images, bags].flatten(0, 1),
        )
        target = output[images, :, places]
        for kernel, part, chunk in zip(
            kernels, _split(columns, shape), target.chunk(shape.groups, 1)
        ):
            values = torch.mm(part, kernel.t())
            chunk.copy_(values.unflatten(0, (len(chunk), -1)).mT)
    if bias is not None:
        output += bias[:, None]
    return (
        output.view(batch, channels, *shape.out_size),
        (features, weight, *samples),
    )


def _empty_output(features: Tensor, channels: int, shape: Geometry) -> Tensor:
    """Memory (N, O, P) for an output whose pixels lie as the input's do:
    convolutions before and after it then need no copies."""
    batch, positions = features.size(0), shape.positions
    innermost = features.is_contiguous(memory_format=torch.channels_last)
    if innermost and not features.is_contiguous():
        return features.new_empty(batch, positions, channels).mT
    return features.new_empty(batch, channels, positions)


def backward(
    grad_output: Tensor, saved: tuple, needed: tuple, shape: Geometry
) -> tuple[Tensor | None, ...]:
    """Gradients of features, offset, mask, weight and bias, None if not
    needed."""
    features, weight, *sampled = saved
    samples = Samples(*sampled)
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
    for images, places, bags in _blocks(features.shape, shape):
        # (p, O); of a single image, a view that the product can read.
        grad = grad_output[images, :, places].mT.flatten(0, 1)
        indices = samples.indices[images, bags].flatten(0, 1)
        weights = samples.weights[images, bags].flatten(0, 1)
        if needed[3]:
            columns = gather(rows, indices, weights)
            _add_kernel_grad(grad_kernels, grad, columns, shape)
        if needed[0] or needs_samples:
            columns = _column_grad(kernels, grad, shape)
            columns = columns.view(-1, rows.size(1))
        if grad_weights is not None:
            target = grad_weights[images, bags]
            target.copy_(
                gather_weight_grad(columns, rows, indices).view_as(target)
            )
        if needed[0]:
            scatter_add(grad_rows, columns, indices, weights)
    grad_offset = grad_mask = None
    if grad_weights is not None:
        grad_offset, grad_mask = sample_grad(grad_weights, samples, shape)
    return (
        from_rows(grad_rows, features.shape) if needed[0] else None,
        grad_offset,
        grad_mask,
        _weight_grad(grad_kernels, weight) if needed[3] else None,
        grad_bias,
    )


def _blocks(features: torch.Size, shape: Geometry):
    """Images, positions and bags of each block: parts of one image, or the
    whole of several. ``features`` is (N, C, H, W)."""
    batch, channels = features[:2]
    block = max(POSITIONS, COLUMNS // (channels * shape.taps))
    parts = math.ceil(shape.positions / block)
    size = math.ceil(shape.positions / parts)
    together = max(block // shape.positions, 1)
    per_position = shape.taps * shape.deform_groups
    for image in range(0, batch, together):
        images = slice(image, min(image + together, batch))
        for start in range(0, shape.positions, size):
            stop = min(start + size, shape.positions)
            bags = slice(start * per_position, stop * per_position)
            yield images, slice(start, stop), bags


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
    positions = columns.size(0) // (shape.taps * shape.deform_groups)
    columns = columns.view(positions, shape.taps, shape.groups, -1)
    return [part.flatten(1) for part in columns.unbind(2)]


def _add_kernel_grad(
    grad_kernels: Tensor, grad: Tensor, columns: Tensor, shape: Geometry
) -> None:
    """Add what ``grad`` (p, O) and columns make to (g, O / g, K * C / g)."""
    for target, part, columns_part in zip(
        grad_kernels, grad.chunk(shape.groups, 1), _split(columns, shape)
    ):
        target.addmm_(part.t(), columns_part)


def _column_grad(kernels: Tensor, grad: Tensor, shape: Geometry) -> Tensor:
    """Gradient (p, K, g, C / g) of the columns from ``grad`` (p, O)."""
    parts = [
        torch.mm(part, kernel).unflatten(1, (shape.taps, -1))
        for part, kernel in zip(grad.chunk(shape.groups, 1), kernels)
    ]
    return parts[0] if len(parts) == 1 else torch.stack(parts, 2)
