"""The neck of AlignPS: deformable convolutions and concatenation."""

import math

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_conv_layer
from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError


@MODELS.register_module()
class AlignedFeatureAggregation(BaseModule):
    """Feature pyramid whose finest level carries what the coarser ones know.

    A lateral convolution per backbone level, from the top down each level
    joined with the upsampled one above it, an output convolution per level;
    none of them has a norm, an activation or a bias. Strided convolutions on
    the last output make further levels, which only training uses.

    Args:
        in_channels (list[int]): Channels of the backbone's levels.
        out_channels (int): Channels of every convolution's output.
        start_level (int): Backbone level the pyramid starts from.
        num_outs (int): Levels put out in training.
        num_test_outs (int): Levels put out in testing; what the others need
            alone is not computed.
        conv_cfg (dict, optional): Convolution of the output layers;
            deformable (``DCN``) by default, None is an ordinary one.
        lateral_conv_cfg (dict, optional): The same for the lateral layers.
        lateral_kernel_size (int): Kernel of the lateral layers.
        fusion (str): ``'concat'`` or ``'add'``.
        zero_init_offset (bool): Start deformable convolutions from an
            undeformed grid. The published models start from random offsets.
    """

    def __init__(
        self,
        in_channels: list[int],
        out_channels: int,
        start_level: int = 1,
        num_outs: int = 5,
        num_test_outs: int = 1,
        conv_cfg: dict | None = dict(type='DCN'),  # noqa: B006
        lateral_conv_cfg: dict | None = dict(type='DCN'),  # noqa: B006
        lateral_kernel_size: int = 3,
        fusion: str = 'concat',
        zero_init_offset: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if fusion not in ('concat', 'add'):
            raise UserError(f"fusion is {fusion!r}: choose 'concat' or 'add'")
        in_channels = in_channels[start_level:]
        self.start_level = start_level
        self.num_laterals = min(len(in_channels), num_outs)
        self.num_outs = num_outs
        self.num_test_outs = num_test_outs
        self.fusion = fusion
        self.zero_init_offset = zero_init_offset
        self.lateral_convs = nn.ModuleList(
            build_conv_layer(
                lateral_conv_cfg,
                channels,
                out_channels,
                lateral_kernel_size,
                padding=lateral_kernel_size // 2,
                bias=False,
            )
            for channels in in_channels
        )
        self.fpn_convs = nn.ModuleList()
        for level in range(self.num_laterals):
            joined = len(in_channels) - level if fusion == 'concat' else 1
            self.fpn_convs.append(
                build_conv_layer(
                    conv_cfg,
                    joined * out_channels,
                    out_channels,
                    3,
                    padding=1,
                    bias=False,
                )
            )
        for _ in range(num_outs - self.num_laterals):
            self.fpn_convs.append(
                ConvModule(
                    out_channels,
                    out_channels,
                    3,
                    stride=2,
                    padding=1,
                    act_cfg=None,
                )
            )

    def init_weights(self) -> None:
        """Xavier for convolutions, uniform for deformable ones."""
        super().init_weights()
        for module in self.modules():
            if isinstance(module, (DeformConv2d, ModulatedDeformConv2d)):
                # mmcv 2 would start v1 from a 2.4 times wider interval.
                bound = 1 / math.sqrt(module.weight[0].numel())
                nn.init.uniform_(module.weight, -bound, bound)
            elif isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.zero_init_offset:
            for name, parameter in self.named_parameters():
                if 'conv_offset' in name:
                    nn.init.zeros_(parameter)

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Pyramid of the backbone's (B, C_l, H_l, W_l) levels.

        Returns:
            tuple[Tensor]: ``num_outs`` maps (B, out_channels, H, W) in
            training, ``num_test_outs`` in testing, the finest first.
        """
        wanted = self.num_outs if self.training else self.num_test_outs
        merged = [
            conv(x)
            for conv, x in zip(self.lateral_convs, inputs[self.start_level :])
        ]
        # From the coarsest level down: each takes in all that lie above it.
        for level in range(len(merged) - 1, 0, -1):
            below = merged[level - 1]
            above = F.interpolate(merged[level], size=below.shape[2:])
            merged[level - 1] = (
                torch.cat([below, above], dim=1)
                if self.fusion == 'concat'
                else below + above
            )
        outs = [
            conv(x)
            for conv, x in zip(
                self.fpn_convs[: min(wanted, self.num_laterals)], merged
            )
        ]
        # As in mmdet's FPN with relu_before_extra_convs: not before the first.
        for conv in self.fpn_convs[len(outs) : wanted]:
            last = outs[-1]
            is_first_extra = len(outs) == self.num_laterals
            outs.append(conv(last if is_first_extra else last.relu()))
        return tuple(outs)
