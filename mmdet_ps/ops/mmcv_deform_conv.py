"""Deformable convolution for ``mmcv.ops``.

mmcv's autograd functions allocate what the compiled operators fill and refuse
an empty batch. They are given the forward and backward of this package
instead, which every user of the functions then calls, whatever name it was
imported by.
"""

from torch import Tensor
from torch.autograd.function import once_differentiable

from .deform_conv import (
    DeformConvFunction,
    Gradients,
    compute,
    differentiate,
)


def bind() -> None:
    """Give mmcv's deformable convolutions this package's computation."""
    from mmcv.ops.deform_conv import DeformConv2dFunction
    from mmcv.ops.modulated_deform_conv import ModulatedDeformConv2dFunction

    DeformConv2dFunction.forward = staticmethod(_forward)
    DeformConv2dFunction.backward = staticmethod(_backward)
    ModulatedDeformConv2dFunction.forward = staticmethod(
        DeformConvFunction.forward
    )
    ModulatedDeformConv2dFunction.backward = staticmethod(
        DeformConvFunction.backward
    )


def _forward(
    ctx,
    features: Tensor,
    offset: Tensor,
    weight: Tensor,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    deform_groups=1,
    bias=False,
    im2col_step=32,
) -> Tensor:
    """Version 1 in mmcv's order; ``im2col_step`` has no meaning here."""
    if bias:
        raise ValueError('deformable convolution v1 has no bias; set it False')
    return compute(
        ctx,
        (features, offset, None, weight, None),
        stride,
        padding,
        dilation,
        groups,
        deform_groups,
    )


@once_differentiable
def _backward(ctx, grad_output: Tensor) -> Gradients:
    needs_features, needs_offset, needs_weight = ctx.needs_input_grad[:3]
    needed = (needs_features, needs_offset, False, needs_weight, False)
    grads = differentiate(ctx, grad_output, needed)
    return grads[0], grads[1], grads[3], *[None] * 7
