"""The first convolutions of a block, computed before regions are cut out.

A convolution of 1x1 and RoIAlign can change places, since one mixes channels
and the other places. Where regions overlap, as hundreds of proposals do, the
map has far fewer places than the regions have bins.
"""

from collections.abc import Callable

import torch.nn as nn
import torch.nn.functional as F
from mmdet.models.backbones.resnet import Bottleneck
from torch import Tensor

from mmdet_ps.utils.norm_folding import FoldedConv2d, folds

# Cuts regions out of maps (B, C, H, W): every n-th row and column of their
# bins, (R, C, h, w).
Pool = Callable[[Tensor, int], Tensor]


def can_enter_early(block: nn.Module) -> bool:
    """Whether a block begins with two convolutions of 1x1 with folded norms,
    its own and that of its shortcut, and computes without gradients."""
    if not isinstance(block, Bottleneck) or block.with_plugins:
        return False
    shortcut = block.downsample
    if not isinstance(shortcut, nn.Sequential) or len(shortcut) != 2:
        return False
    return all(
        isinstance(conv, FoldedConv2d)
        and conv.kernel_size == (1, 1)
        and folds(conv)
        for conv in (block.conv1, shortcut[0])
    )


def enter_early(block: Bottleneck, maps: Tensor, pool: Pool) -> Tensor:
    """As ``block(pool(maps, 1))``, but for rounding.

    Args:
        block: One that :func:`can_enter_early`.
        maps: (B, C, H, W) float32, channels innermost.
        pool: Cuts the regions out.

    Returns:
        Tensor: (R, O, h, w), with the block's stride.
    """
    out = block.relu(pooled_convolution(block.conv1, maps, pool))
    out = block.relu(block.norm2(block.conv2(out)))
    out = block.norm3(block.conv3(out))
    out += pooled_convolution(block.downsample[0], maps, pool)
    return block.relu(out)


def pooled_convolution(conv: FoldedConv2d, maps: Tensor, pool: Pool) -> Tensor:
    """As ``conv(pool(maps, 1))``. The offset comes after the regions are cut
    out: beyond the border of a map they hold zeros."""
    weight, offset = conv.folded_weights(maps.dtype)
    pooled = pool(F.conv2d(maps, weight), conv.stride[0])
    return pooled + offset[:, None, None]
