"""Deformable convolution, versions 1 and 2, forward and backward.

On a CPU the input is gathered row by row and multiplied by the weight in one
matrix product per block of output positions; elsewhere torchvision's kernels
do the work. The meaning is that of ``mmcv.ops``: a point at or outside -1 or
the size of the map is worth zero and passes no gradient to its offset.
"""

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.modules.utils import _pair

from . import deform_conv_rows, deform_conv_torchvision
from .deform_sampling import Geometry
from .precision import at_least_float32

Gradients = tuple[Tensor | None, ...]


def deform_conv2d(
    features: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    deform_groups: int = 1,
) -> Tensor:
    """Convolution whose taps are moved by an offset each.

    Version 1 is equation 2 of Dai et al. (arXiv 1703.06211), version 2, with
    a mask, equation 1 of Zhu et al. (arXiv 1811.11168).

    Args:
        features (Tensor): (N, C, H, W).
        offset (Tensor): How far each tap is moved, y before x,
            (N, deform_groups * kh * kw * 2, Ho, Wo), pixels of the input.
        weight (Tensor): (O, C / groups, kh, kw).
        mask (Tensor): Factor on the value under each tap, version 2 only,
            (N, deform_groups * kh * kw, Ho, Wo).
        bias (Tensor): (O,).
        stride, padding, dilation: One number, or one for y and one for x.
        groups: Parts of the channels that are convolved apart.
        deform_groups: Parts of the channels that have offsets of their own.

    Returns:
        (N, O, Ho, Wo), in the type of ``offset``.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    return DeformConvFunction.apply(
        features,
        offset,
        mask,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        deform_groups,
    )


class DeformConvFunction(Function):
    """The autograd node behind ``deform_conv2d``; its argument order is that
    of mmcv's modulated deformable convolution."""

    @staticmethod
    def forward(
        ctx,
        features,
        offset,
        mask,
        weight,
        bias=None,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        deform_groups=1,
    ) -> Tensor:
        """As ``deform_conv2d``, in another order."""
        return compute(
            ctx,
            (features, offset, mask, weight, bias),
            stride,
            padding,
            dilation,
            groups,
            deform_groups,
        )

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output: Tensor) -> Gradients:
        """Gradients of the five tensors; the options have none."""
        grads = differentiate(ctx, grad_output, ctx.needs_input_grad[:5])
        return *grads, None, None, None, None, None


def compute(
    ctx, tensors: tuple, stride, padding, dilation, groups, deform_groups
) -> Tensor:
    """Output of (features, offset, mask, weight, bias), in offset's type.

    Low precision is computed in float32, as a sampling point needs more
    digits than half precision has.
    """
    features, offset, mask, weight, bias = tensors
    shape = _geometry(
        features,
        offset,
        weight,
        _pair(stride),
        _pair(padding),
        _pair(dilation),
        groups,
        deform_groups,
    )
    _check_channels(tensors, shape)
    ctx.dtypes = [None if t is None else t.dtype for t in tensors]
    operands = _in_precision_of(at_least_float32(offset), tensors)
    ctx.geometry = shape
    ctx.backend = (
        deform_conv_torchvision if features.is_cuda else deform_conv_rows
    )
    with torch.autocast(features.device.type, enabled=False):
        output, saved = ctx.backend.forward(*operands, shape)
    ctx.save_for_backward(*saved)
    return output.to(offset.dtype)


def differentiate(
    ctx, grad_output: Tensor, needed: tuple[bool, ...]
) -> Gradients:
    """Gradients of (features, offset, mask, weight, bias), or None."""
    with torch.autocast(grad_output.device.type, enabled=False):
        grads = ctx.backend.backward(
            at_least_float32(grad_output),
            ctx.saved_tensors,
            needed,
            ctx.geometry,
        )
    return tuple(
        grad.to(dtype) if need and grad is not None else None
        for grad, dtype, need in zip(grads, ctx.dtypes, needed)
    )


def _in_precision_of(offset: Tensor, tensors: tuple) -> list[Tensor | None]:
    return [None if t is None else t.to(offset.dtype) for t in tensors]


def _geometry(
    features, offset, weight, stride, padding, dilation, groups, deform_groups
) -> Geometry:
    if features.dim() != 4:
        raise ValueError(
            f'deformable convolution takes (N, C, H, W), not a tensor of '
            f'{features.dim()} dimensions'
        )
    in_size, kernel = tuple(features.shape[2:]), tuple(weight.shape[2:])
    out_size = tuple(
        (size + 2 * pad - dil * (taps - 1) - 1) // step + 1
        for size, pad, dil, taps, step in zip(
            in_size, padding, dilation, kernel, stride
        )
    )
    if min(out_size) < 1:
        raise ValueError(
            f'input of {in_size[0]}x{in_size[1]} is too small for a kernel '
            f'of {kernel[0]}x{kernel[1]} with dilation {dilation}'
        )
    return Geometry(
        in_size,
        out_size,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        deform_groups,
    )


def _check_channels(tensors: tuple, shape: Geometry) -> None:
    features, offset, mask, weight, _ = tensors
    channels = features.size(1)
    if channels % shape.deform_groups or (
        channels != weight.size(1) * shape.groups
    ):
        raise ValueError(
            f'{channels} channels fit neither {shape.groups} groups of '
            f'{weight.size(1)} nor {shape.deform_groups} deformable groups'
        )
    per_size = shape.taps * shape.deform_groups
    for name, maps, size in (('offset', offset, 2), ('mask', mask, 1)):
        expected = (features.size(0), per_size * size, *shape.out_size)
        if maps is not None and tuple(maps.shape) != expected:
            raise ValueError(
                f'{name} has shape {tuple(maps.shape)}, expected {expected}'
            )
