"""A small detection head that needs no fifth stage."""

from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from torch import Tensor, nn

from .pooled_bbox_head import PooledBBoxHead


@MODELS.register_module()
class LightBBoxHead(PooledBBoxHead):
    """1x1 convolution of stride 2, one hidden layer, class and box.

    Args:
        in_channels (int): channels of the RoI features.
        roi_feat_size (tuple[int, int]): height and width of the RoI features.
        channels (int): width of convolution and hidden layer.
        **kwargs: further options of mmdet's ``BBoxHead``.
    """

    def __init__(
        self,
        in_channels: int = 1024,
        roi_feat_size: tuple[int, int] = (14, 7),
        channels: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(in_channels=channels, **kwargs)
        height, width = roi_feat_size
        area = ((height + 1) // 2) * ((width + 1) // 2)
        self.reduce = ConvModule(
            in_channels,
            channels,
            1,
            stride=2,
            bias=True,
            norm_cfg=dict(type='BN'),
        )
        self.fc = nn.Linear(area * channels, channels)

    def forward(self, roi_feats: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, 2), person first, and deltas (N, 4).

        Args:
            roi_feats (Tensor): features of the RoIs, (N, C, h, w) float.
        """
        hidden = self.fc(self.reduce(roi_feats).flatten(1)).relu()
        return self.fc_cls(hidden), self.fc_reg(hidden)
