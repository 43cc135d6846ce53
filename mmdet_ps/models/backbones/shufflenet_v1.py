"""ShuffleNet V1 as a detector's backbone.

Zhang et al., ShuffleNet: An Extremely Efficient Convolutional Neural Network
for Mobile Devices (CVPR 2018). Parameter names follow MMClassification, so
that its published weights load.
"""

from collections.abc import Sequence

import torch
import torch.utils.checkpoint
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from mmengine.model.weight_init import constant_init, normal_init
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.pretrained_weights import load_roi_stages

# Output channels of the three stages for each number of groups (table 1 of
# the paper), and the number of units in them.
STAGE_CHANNELS = {
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
STAGE_UNITS = (4, 8, 4)
LAST_STAGE = len(STAGE_UNITS) - 1
STEM_CHANNELS = 24


def shuffle_channels(features: Tensor, groups: int) -> Tensor:
    """Interleave the channels of the groups.

    Args:
        features (Tensor): (B, C, H, W).
        groups (int): number of groups that the channels are in.

    Returns:
        Tensor: (B, C, H, W).
    """
    batch, channels, height, width = features.shape
    grouped = features.view(batch, groups, channels // groups, height, width)
    return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class ShuffleUnit(BaseModule):
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1, and a shortcut.

    Figure 2 (b, and c with ``downsample``) of the paper.

    Args:
        in_channels (int): channels it receives.
        out_channels (int): channels it gives.
        groups (int): groups of the 1x1 convolutions.
        first_groups (int): groups of the first 1x1 convolution.
        downsample (bool): halve the resolution; the shortcut is then an
            average pooling whose channels are joined instead of added.
        norm_cfg (dict): normalisation.
        with_cp (bool): trade computation for memory in training.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int,
        first_groups: int,
        downsample: bool,
        norm_cfg: dict,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.groups = groups
        self.downsample = downsample
        self.with_cp = with_cp
        middle = out_channels // 4
        if downsample:
            out_channels -= in_channels
            self.avgpool = nn.AvgPool2d(3, stride=2, padding=1)
        self.g_conv_1x1_compress = ConvModule(
            in_channels, middle, 1, groups=first_groups, norm_cfg=norm_cfg
        )
        self.depthwise_conv3x3_bn = ConvModule(
            middle,
            middle,
            3,
            stride=2 if downsample else 1,
            padding=1,
            groups=middle,
            norm_cfg=norm_cfg,
            act_cfg=None,
        )
        self.g_conv_1x1_expand = ConvModule(
            middle,
            out_channels,
            1,
            groups=groups,
            norm_cfg=norm_cfg,
            act_cfg=None,
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        if self.with_cp and features.requires_grad:
            return torch.utils.checkpoint.checkpoint(
                self._transform, features, use_reentrant=False
            )
        return self._transform(features)

    def _transform(self, features: Tensor) -> Tensor:
        out = self.g_conv_1x1_compress(features)
        out = self.depthwise_conv3x3_bn(out)
        out = shuffle_channels(out, self.groups)
        out = self.g_conv_1x1_expand(out)
        if self.downsample:
            return torch.cat([self.avgpool(features), self.act(out)], dim=1)
        return self.act(features + out)


def stage_width(stage: int, groups: int, widen_factor: float) -> int:
    """Output channels of a stage, the multiple of 8 nearest to the table."""
    channels = STAGE_CHANNELS[groups][stage] * widen_factor
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def make_stage(
    stage: int,
    in_channels: int,
    groups: int,
    widen_factor: float,
    norm_cfg: dict,
    with_cp: bool = False,
) -> nn.Sequential:
    """The units of one stage; arguments as of :class:`ShuffleNetV1`."""
    width = stage_width(stage, groups, widen_factor)
    return nn.Sequential(
        *[
            ShuffleUnit(
                width if unit else in_channels,
                width,
                groups,
                # The stem's 24 channels are too few to be grouped.
                first_groups=1 if stage == unit == 0 else groups,
                downsample=unit == 0,
                norm_cfg=norm_cfg,
                with_cp=with_cp,
            )
            for unit in range(STAGE_UNITS[stage])
        ]
    )


def init_shuffle_units(module: nn.Module) -> None:
    """Normal weights as MMClassification sets them."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            fan = part.weight.shape[1]
            std = 0.01 if 'conv1' in name else 1.0 / fan
            normal_init(part, mean=0, std=std)
        elif isinstance(part, (_BatchNorm, nn.GroupNorm)):
            constant_init(part, val=1, bias=0.0001)


@MODELS.register_module()
class ShuffleNetV1(BaseModule):
    """The backbone; its stages have strides 8, 16 and 32.

    Args:
        groups (int): groups of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        widen_factor (float): multiplies the channels (rounded to multiples of
            8).
        out_indices (Sequence[int]): stages (0 to 2) to return.
        frozen_stages (int): freeze the stem and this many stages; -1 for
            nothing.
        norm_cfg (dict): normalisation.
        norm_eval (bool): keep the statistics of batch normalisation fixed.
        with_cp (bool): trade computation for memory in training.
        init_cfg (dict, optional): initial weights.

    Raises:
        UserError: another number of groups.
    """

    def __init__(
        self,
        groups: int = 3,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (2,),
        frozen_stages: int = -1,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if groups not in STAGE_CHANNELS:
            raise UserError(
                f'groups={groups}: choose one of {sorted(STAGE_CHANNELS)}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        channels = int(STEM_CHANNELS * widen_factor)
        self.conv1 = ConvModule(
            3, channels, 3, stride=2, padding=1, norm_cfg=norm_cfg
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layers = nn.ModuleList()
        for stage in range(len(STAGE_UNITS)):
            layer = make_stage(
                stage, channels, groups, widen_factor, norm_cfg, with_cp
            )
            self.layers.append(layer)
            channels = stage_width(stage, groups, widen_factor)
        self._freeze_stages()

    def init_weights(self) -> None:
        """Normal weights as MMClassification sets them."""
        super().init_weights()
        if not self.init_cfg:
            init_shuffle_units(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) to the maps of the stages in ``out_indices``."""
        features = self.maxpool(self.conv1(images))
        maps = []
        for stage, layer in enumerate(self.layers):
            features = layer(features)
            if stage in self.out_indices:
                maps.append(features)
        return tuple(maps)

    def train(self, mode: bool = True) -> 'ShuffleNetV1':
        """Switch the mode, frozen parts staying as they are."""
        super().train(mode)
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        for part in [self.conv1, *self.layers[: self.frozen_stages]]:
            part.eval()
            for parameter in part.parameters():
                parameter.requires_grad = False


@MODELS.register_module()
class ShuffleNetV1Top(BaseModule):
    """The last stage, to be run on each RoI: what ``SplitResNetTop`` is for a
    ResNet.

    Parameters keep the names they have in :class:`ShuffleNetV1`, so that a
    checkpoint of the backbone fills both.

    Args:
        groups, widen_factor, norm_cfg: as of :class:`ShuffleNetV1`.
        init_cfg (dict, optional): initial weights; ``Pretrained`` takes those
            of a backbone.
    """

    def __init__(
        self,
        groups: int = 3,
        widen_factor: float = 1.0,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = stage_width(LAST_STAGE - 1, groups, widen_factor)
        self.out_channels = stage_width(LAST_STAGE, groups, widen_factor)
        # Placeholders, so that the stage has the number it has there.
        self.layers = nn.ModuleList(nn.Identity() for _ in range(LAST_STAGE))
        self.layers.append(
            make_stage(
                LAST_STAGE, self.in_channels, groups, widen_factor, norm_cfg
            )
        )

    def init_weights(self) -> None:
        """Normal weights as MMClassification sets them, or those of a file,
        with the stages trained on RoIs if any."""
        super().init_weights()
        if not self.init_cfg:
            init_shuffle_units(self)
        load_roi_stages(self)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, h, w) to (N, out_channels, h / 2, w / 2)."""
        return self.layers[LAST_STAGE](x)
