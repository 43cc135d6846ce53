"""The first convolutions of a block, computed before regions are cut out.

A convolution of 1x1 and RoIAlign can change places, since one mixes channels
and the other places. Where regions overlap, as hundreds of proposals do, the
map has far fewer places than the regions have bins.
"""

from collections.abc import Callable

import torch.nn as nn
from mmdet.models.backbones.resnet import Bottleneck
from torch import Tensor

from mmdet_ps.utils.norm_folding import FoldedConv2d, convolution, folds

# Cuts regions out of maps (B, C, H, W): every n-th row and column of their
# bins, (R, C, h, w).
Pool = Callable[[Tensor, int], Tensor]


def can_enter_early(block: nn.Module) -> bool:
    """Whether a block begins with a convolution of 1x1 with a folded norm,
    has none or another such one in its shortcut, and computes without
    gradients."""
    if not isinstance(block, Bottleneck) or block.with_plugins:
        return False
    shortcut = block.downsample
    if shortcut is None:
        return mixes_channels(block.conv1)
    if not isinstance(shortcut, nn.Sequential) or len(shortcut) != 2:
        return False
    return mixes_channels(block.conv1) and mixes_channels(shortcut[0])


def mixes_channels(conv: nn.Module) -> bool:
    """Whether this is a convolution of 1x1 that does its norm's work now."""
    return (
        isinstance(conv, FoldedConv2d)
        and conv.kernel_size == (1, 1)
        and folds(conv)
    )


class EarlyEntry:
    """A block that begins on the maps that its regions are cut out of.

    Args:
        block: One that :func:`can_enter_early`.
        maps: (B, C, H, W) float32, channels innermost.
    """

    def __init__(self, block: Bottleneck, maps: Tensor) -> None:
        self.block = block
        self.maps = maps
        self.inner = EarlyConvolution(block.conv1, maps)
        self.shortcut = None
        if block.downsample is not None:
            self.shortcut = EarlyConvolution(block.downsample[0], maps)

    def __call__(self, pool: Pool) -> Tensor:
        """As ``block(pool(maps, 1))``, (R, O, h, w), but for rounding."""
        block = self.block
        out = block.relu(self.inner(pool))
        out = block.relu(block.norm2(block.conv2(out)))
        out = block.norm3(block.conv3(out))
        out += self.shortcut(pool) if self.shortcut else pool(self.maps, 1)
        return block.relu(out)


class EarlyConvolution:
    """A convolution of 1x1 on maps, for regions that are cut out later.

    Its offset is added when they are: beyond the border of a map a region
    holds zeros.
    """

    def __init__(self, conv: FoldedConv2d, maps: Tensor) -> None:
        weight, offset = conv.folded_weights(maps.dtype)
        self.maps = convolution(maps, weight)
        self.offset = offset[:, None, None]
        self.step = conv.stride[0]

    def __call__(self, pool: Pool) -> Tensor:
        """As ``conv(pool(maps, 1))``, (R, O, h, w)."""
        return pool(self.maps, self.step).add_(self.offset)
