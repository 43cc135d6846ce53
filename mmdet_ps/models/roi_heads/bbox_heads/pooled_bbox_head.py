"""Class and box from max-pooled RoI features."""

from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class PooledBBoxHead(BBoxHead):
    """Two linear layers after global max pooling; persons are the one class.

    Args:
        in_channels (int): channels of the features.
        **kwargs: further options of mmdet's ``BBoxHead``.
    """

    def __init__(self, in_channels: int = 2048, **kwargs) -> None:
        super().__init__(
            with_avg_pool=True,
            roi_feat_size=1,
            in_channels=in_channels,
            num_classes=1,
            **kwargs,
        )

    def forward(self, top_feats: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, 2), person first, and deltas (N, 4).

        Args:
            top_feats (Tensor): features of the RoIs, (N, C, h, w) float.
        """
        pooled = top_feats.amax(dim=(2, 3))
        return self.fc_cls(pooled), self.fc_reg(pooled)

    def loss(self, cls_score: Tensor, *args, **kwargs) -> dict:
        """mmdet's losses; without any RoI that of the class is a zero with a
        gradient, where mmdet has none.

        Args:
            cls_score (Tensor): class logits, (N, K) float.
            *args, **kwargs: of mmdet's ``BBoxHead.loss``.
        """
        losses = super().loss(cls_score, *args, **kwargs)
        if 'loss_cls' not in losses:
            losses['loss_cls'] = cls_score.sum() * 0
        return losses

    def person_scores(self, cls_score: Tensor) -> Tensor:
        """Probability (N,) of a person from class logits (N, 2)."""
        return cls_score.softmax(dim=1)[:, 0]
