"""Deformable convolution in operators that every ONNX runtime has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError


@contextmanager
def plain_deform_convs(model: nn.Module) -> Iterator[None]:
    """Let a model's deformable convolutions compute by ``sampled_conv``.

    Raises:
        UserError: If one of them works in groups.
    """
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, (DeformConv2dPack, ModulatedDeformConv2dPack))
    ]
    for layer in layers:
        if layer.groups != 1 or layer.deform_groups != 1:
            raise UserError(
                'a deformable convolution in groups is not exported'
            )
        layer.forward = _forward_of(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _forward_of(layer: nn.Module):
    def forward(x: Tensor) -> Tensor:
        found = layer.conv_offset(x)
        mask = None
        if isinstance(layer, ModulatedDeformConv2dPack):
            first, second, mask = torch.chunk(found, 3, dim=1)
            found, mask = torch.cat([first, second], dim=1), mask.sigmoid()
        return sampled_conv(
            x,
            found,
            mask,
            layer.weight,
            layer.bias if mask is not None else None,
            layer.stride[0],
            layer.padding[0],
            layer.dilation[0],
        )

    return forward


def sampled_conv(
    x: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """Deformable convolution (Zhu et al., CVPR 2019), tap by tap.

    Every tap samples the whole map at its own places (GridSample) and mixes
    the channels (a 1 x 1 convolution); the taps are added.

    Args:
        x (Tensor): (B, C, H, W).
        offset (Tensor): (B, 2 K, h, w), y and x of each tap in turn, pixels
            of the map.
        mask (Tensor): (B, K, h, w), or None for version 1.
        weight (Tensor): (O, C, k, k) with k * k = K.
        bias (Tensor): (O,) or None.

    Returns:
        (B, O, h, w).
    """
    height, width = x.shape[2], x.shape[3]
    rows, columns = weight.shape[2:]
    ys = torch.arange(offset.shape[2], device=x.device) * stride - padding
    xs = torch.arange(offset.shape[3], device=x.device) * stride - padding
    total = None
    for tap in range(rows * columns):
        y = ys[None, :, None] + tap // columns * dilation
        x_ = xs[None, None, :] + tap % columns * dilation
        y = (2 * (y + offset[:, 2 * tap]) + 1) / height - 1
        x_ = (2 * (x_ + offset[:, 2 * tap + 1]) + 1) / width - 1
        grid = torch.stack([x_, y], dim=-1)
        part = F.grid_sample(
            x, grid, mode='bilinear', padding_mode='zeros', align_corners=False
        )
        if mask is not None:
            part = part * mask[:, tap : tap + 1]
        kernel = weight[:, :, tap // columns, tap % columns, None, None]
        part = F.conv2d(part, kernel)
        total = part if total is None else total + part
    return total if bias is None else total + bias[:, None, None]
