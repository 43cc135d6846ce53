"""The last stage of ShuffleNet V1, run on each RoI."""

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .shufflenet_v1 import (
    STAGE_UNITS,
    init_shuffle_units,
    make_stage,
    stage_width,
)

LAST = len(STAGE_UNITS) - 1


@MODELS.register_module()
class ShuffleNetV1Top(BaseModule):
    """What ``SplitResNetTop`` is for a ResNet.

    Parameters keep the names they have in :class:`ShuffleNetV1`, so that a
    checkpoint of the backbone fills both.

    Args:
        groups, widen_factor, norm_cfg: As of :class:`ShuffleNetV1`.
        init_cfg: Weights; ``Pretrained`` takes those of a backbone.
    """

    def __init__(
        self,
        groups: int = 3,
        widen_factor: float = 1.0,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = stage_width(LAST - 1, groups, widen_factor)
        self.out_channels = stage_width(LAST, groups, widen_factor)
        self.layers = nn.ModuleList(nn.Identity() for _ in range(LAST))
        self.layers.append(
            make_stage(LAST, self.in_channels, groups, widen_factor, norm_cfg)
        )

    def init_weights(self) -> None:
        """Normal weights as MMClassification sets them."""
        super().init_weights()
        if not self.init_cfg:
            init_shuffle_units(self)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, h, w) to (N, out_channels, h / 2, w / 2)."""
        return self.layers[LAST](x)
