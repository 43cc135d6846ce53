"""A ResNet cut in two: a stem run once per image, a top run per RoI."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
import torch.nn as nn
from mmdet.models.backbones import ResNet
from mmdet.models.backbones.resnet import Bottleneck
from mmdet.models.layers import ResLayer
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.kept_values import predicts
from mmdet_ps.utils.pretrained_weights import load_roi_stages

from .early_entry import EarlyEntry, Pool, can_enter_early

# Bytes of regions that a stage takes at a time in prediction on a CPU. What
# is greater than 32 MiB the C library asks of the system anew each time, which
# clears it: an eighth of the time for 300 regions.
PIECE = 24 * 2**20


def num_c4_blocks(depth: int, c4_blocks: int | None = None) -> int:
    """Number of blocks of the third stage that belong to the stem.

    By default the first three (``conv4_3``), or half of a shorter stage.

    Args:
        depth (int): of the ResNet.
        c4_blocks (int, optional): the number, if it is given.

    Raises:
        UserError: a number that the stage does not have.
    """
    available = ResNet.arch_settings[depth][1][2]
    if c4_blocks is None:
        return min(3, available // 2)
    if not 1 <= c4_blocks <= available:
        raise UserError(
            f'c4_blocks is {c4_blocks}, but the third stage of a '
            f'ResNet-{depth} has {available} blocks'
        )
    return c4_blocks


@MODELS.register_module()
class SplitResNet(ResNet):
    """The stem: first convolution to ``layer3.{c4_blocks - 1}`` (C4).

    Parameters keep the names of an unsplit ResNet, so that one ResNet
    checkpoint fills the stem and ``SplitResNetTop``.

    Args:
        depth (int): 18, 34, 50, 101 or 152.
        c4_blocks (int, optional): blocks of the third stage kept here; see
            ``num_c4_blocks``.
        style (str): ``'caffe'`` puts the stride of a block into its first
            convolution, ``'pytorch'`` into its second.
        strides (tuple[int]): of the three stages; (1, 2, 1) keeps C4 at an
            eighth of the image, for small persons.
        pool_padding (int): padding of the max pooling; 0 goes with rounding up
            (Caffe), 1 with rounding down (PyTorch).
        frozen_statistics (bool): a frozen first convolution also freezes the
            statistics of its norm.
        **kwargs: further options of mmdet's ``ResNet``.
    """

    def __init__(
        self,
        depth: int,
        c4_blocks: int | None = None,
        style: str = 'caffe',
        strides: tuple[int, int, int] = (1, 2, 2),
        pool_padding: int = 0,
        frozen_statistics: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(
            depth,
            num_stages=3,
            out_indices=(2,),
            style=style,
            strides=strides,
            dilations=(1, 1, 1),
            **kwargs,
        )
        kept = num_c4_blocks(depth, c4_blocks)
        # Cut by name, so that the blocks keep their numbers and the top goes
        # on with the next one.
        self.layer3 = nn.Sequential(
            OrderedDict(list(self.layer3.named_children())[:kept])
        )
        self.maxpool = nn.MaxPool2d(
            3, stride=2, padding=pool_padding, ceil_mode=pool_padding == 0
        )
        self.frozen_statistics = frozen_statistics

    def train(self, mode: bool = True) -> 'SplitResNet':
        """Set the mode of every layer that is not frozen."""
        super().train(mode)
        if not self.frozen_statistics:
            self.norm1.train(mode and not self.norm_eval)
        stages = [getattr(self, name) for name in self.res_layers]
        place_strides(stages, early=not mode)
        return self


@MODELS.register_module()
class SplitResNetTop(BaseModule):
    """The top: the blocks ``SplitResNet`` leaves out, on RoI features.

    Args:
        depth, c4_blocks, style: as of the stem.
        base_channels (int): width of the ResNet, 64 as published.
        norm_cfg (dict, optional): norm layers of the blocks.
        norm_eval (bool): norms keep using their running statistics.
        with_cp (bool): trade computation for memory in training.
        init_cfg (dict, optional): initial weights; ``Pretrained`` takes an
            unsplit ResNet.
    """

    def __init__(
        self,
        depth: int,
        c4_blocks: int | None = None,
        base_channels: int = 64,
        style: str = 'caffe',
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            init_cfg
            or [
                dict(type='Kaiming', layer='Conv2d'),
                dict(
                    type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']
                ),
            ]
        )
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        block, stage_blocks = ResNet.arch_settings[depth]
        first = num_c4_blocks(depth, c4_blocks)
        c4_planes = 4 * base_channels
        options = dict(style=style, norm_cfg=norm_cfg, with_cp=with_cp)
        if first < stage_blocks[2]:
            rest = ResLayer(
                block,
                c4_planes * block.expansion,
                c4_planes,
                stage_blocks[2] - first,
                **options,
            )
            self.layer3 = nn.Sequential(
                OrderedDict(
                    (str(first + i), layer) for i, layer in enumerate(rest)
                )
            )
        else:
            self.layer3 = nn.Identity()
        self.layer4 = ResLayer(
            block,
            c4_planes * block.expansion,
            2 * c4_planes,
            stage_blocks[3],
            stride=2,
            **options,
        )
        self.norm_eval = norm_eval
        self.in_channels = c4_planes * block.expansion
        self.out_channels = 2 * self.in_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, h, w) to (N, out_channels, h / 2, w / 2)."""
        if x.is_cuda or not predicts(self):
            return self.layer4(self.layer3(x))
        return in_pieces(self.layer4, in_pieces(self.layer3, x))

    @property
    def enters_early(self) -> bool:
        """Whether ``forward_regions`` may take the place of ``forward``."""
        first, _ = self._stages()
        return can_enter_early(first[0])

    def forward_regions(self, maps: Tensor, pools: Iterable[Pool]) -> Tensor:
        """As ``forward`` of all regions that ``pools`` cut out of maps (B, C,
        H, W); the first convolutions are computed on the maps."""
        (first, *others), later = self._stages()
        enter, rest = EarlyEntry(first, maps), nn.Sequential(*others)
        features = torch.cat([rest(enter(pool)) for pool in pools])
        return in_pieces(later, features)

    def _stages(self) -> tuple[nn.Sequential, nn.Module]:
        """The stage that a region enters first, and what comes after it."""
        if isinstance(self.layer3, nn.Identity):
            return self.layer4, nn.Identity()
        return self.layer3, self.layer4

    def init_weights(self) -> None:
        """As ``init_cfg`` says, with the stages trained on RoIs if any."""
        super().init_weights()
        load_roi_stages(self)

    def train(self, mode: bool = True) -> 'SplitResNetTop':
        """Set the mode of every layer that is not frozen."""
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        if isinstance(self.layer3, nn.Sequential):
            place_strides([self.layer3, self.layer4], early=not mode)
        return self


class EveryNth(nn.Module):
    """Every n-th row and column of maps (N, C, H, W)."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H / n, W / n), rounded up."""
        return x[..., :: self.step, :: self.step]


def in_pieces(stage: nn.Module, x: Tensor) -> Tensor:
    """As ``stage(x)``, computed a few regions (N, C, h, w) after another."""
    pieces = -(-x.nbytes // PIECE)
    if pieces <= 1 or isinstance(stage, nn.Identity):
        return stage(x)
    return torch.cat([stage(piece) for piece in x.chunk(pieces)])


def place_strides(stages: Sequence[nn.Sequential], early: bool) -> None:
    """Say where stages of Caffe's ResNet halve a map that the next one halves.

    The next stage begins with 1x1 convolutions of stride 2: of what the last
    block computed it reads every other row and column. That block can leave
    out the others, which changes no answer as long as the norms use their
    running statistics; those of a batch are over all positions.

    Args:
        stages: consecutive stages of one network; their strides are changed.
        early: whether the last block of a stage has the stride, which is for
            testing, or the first of the next one, as published.
    """
    for stage, following in pairwise(stages):
        last, first = stage[-1], following[0]
        if not can_halve_early(last, first):
            continue
        strides = first.stride, 1
        before, after = strides if early else reversed(strides)
        last.conv2.stride = before, before
        # Picks the positions of the shortcut; it has no weights.
        last.downsample = EveryNth(before) if early else None
        first.conv1.stride = after, after
        first.downsample[0].stride = after, after


def can_halve_early(last: nn.Module, first: nn.Module) -> bool:
    """Whether the last block of a stage has a shortcut without weights, and
    the first of the next one reads it with 1x1 convolutions only."""
    return (
        isinstance(last, Bottleneck)
        and isinstance(first, Bottleneck)
        and first.style == 'caffe'
        and not (last.with_dcn or last.with_plugins)
        and (last.downsample is None or isinstance(last.downsample, EveryNth))
        and isinstance(first.downsample, nn.Sequential)
        and isinstance(first.downsample[0], nn.Conv2d)
    )
