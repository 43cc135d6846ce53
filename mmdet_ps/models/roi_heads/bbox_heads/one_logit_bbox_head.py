"""One logit that says person or not, boxes, and an embedding (SeqNeXt)."""

from mmdet.registry import MODELS
from torch import Tensor, nn

from .embedding_bbox_head import EmbeddingBBoxHead
from .norm_aware_bbox_head import with_binary_accuracy


@MODELS.register_module()
class OneLogitBBoxHead(EmbeddingBBoxHead):
    """``EmbeddingBBoxHead`` whose class is the sigmoid of one logit.

    Args:
        loss_cls (dict, optional): binary loss of the logit.
        **kwargs: further options of ``EmbeddingBBoxHead``.
    """

    def __init__(self, loss_cls: dict | None = None, **kwargs) -> None:
        super().__init__(
            with_cls=False,
            loss_cls=loss_cls
            or dict(type='CrossEntropyLoss', use_sigmoid=True),
            **kwargs,
        )
        self.fc_cls = nn.Linear(self.in_channels, 1)

    def person_scores(self, cls_score: Tensor) -> Tensor:
        """Probability (N,) of a person from logits (N, 1)."""
        return cls_score.sigmoid().squeeze(1)

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        *args,
        **kwargs,
    ) -> dict:
        """See ``NormAwareBBoxHead.loss``."""
        losses = super().loss(
            cls_score, bbox_pred, rois, labels, *args, **kwargs
        )
        return with_binary_accuracy(losses, cls_score, labels)
