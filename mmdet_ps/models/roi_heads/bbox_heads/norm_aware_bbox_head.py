"""Detection by the length of the embedding, identity by its direction."""

import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d

from .embedding_bbox_head import EmbeddingBBoxHead


@MODELS.register_module()
class NormAwareBBoxHead(EmbeddingBBoxHead):
    """Norm-aware embedding: detect by length, identify by direction.

    Chen et al., "Norm-Aware Embedding for Efficient Person Search" (CVPR
    2020), section 3. An embedding x is split into its length r and its
    direction x / r. The direction is compared with other persons; the length,
    batch-normalised to one logit, says whether this is a person at all:

        p(person) = sigmoid(gamma * (r - mean(r)) / std(r) + beta).

    So the two tasks do not pull the same quantity in opposite directions.

    Args:
        loss_cls (dict, optional): binary loss of the rescaled length.
        loss_bbox (dict, optional): box loss.
        reg_std (float): standard deviation of the initial weights of
            regression and its norm.
        **kwargs: further options of ``EmbeddingBBoxHead``.
    """

    def __init__(
        self,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        reg_std: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(
            with_cls=False,
            embedding_bias=True,
            loss_cls=loss_cls
            or dict(type='CrossEntropyLoss', use_sigmoid=True),
            loss_bbox=loss_bbox
            or dict(type='SmoothL1Loss', beta=1.0, loss_weight=10.0),
            **kwargs,
        )
        # As published: the deltas are batch-normalised, too.
        self.fc_reg = nn.Sequential(self.fc_reg, SmallBatchNorm1d(4))
        self.norm_scale = SmallBatchNorm1d(1)
        self.reg_std = reg_std

    def init_weights(self) -> None:
        """Normal weights for regression and its norm."""
        super().init_weights()
        for layer in self.fc_reg:
            nn.init.normal_(layer.weight, std=self.reg_std)
            nn.init.zeros_(layer.bias)

    def forward(
        self, top_feats: Tensor, roi_feats: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Answer for RoI features.

        Args:
            top_feats (Tensor): features after the top, (N, C5, h, w) float.
            roi_feats (Tensor): features before it, (N, C4, H, W) float.

        Returns:
            tuple: person logits (N, 1); deltas (N, 4); unit embeddings (N, D).
        """
        pooled = top_feats.amax(dim=(2, 3))
        embeddings = self.embed_pooled(pooled, roi_feats)
        # Before it is normalised the length is the answer of detection.
        norms = embeddings.norm(dim=1, keepdim=True)
        logits = self.norm_scale(norms)
        return logits, self.fc_reg(pooled), F.normalize(embeddings)

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
        """mmdet's losses, with the accuracy of a binary decision.

        Args:
            cls_score (Tensor): logits, (N, 1) float.
            bbox_pred (Tensor): deltas, (N, 4) float.
            rois (Tensor): (N, 5), pixels of the network's input.
            labels (Tensor): 0 for persons and 1 for background, (N,) int64.
            *args, **kwargs: of mmdet's ``BBoxHead.loss``.
        """
        losses = super().loss(
            cls_score, bbox_pred, rois, labels, *args, **kwargs
        )
        return with_binary_accuracy(losses, cls_score, labels)


def with_binary_accuracy(
    losses: dict, cls_score: Tensor, labels: Tensor
) -> dict:
    """Losses with the accuracy of logits (N, 1), for labels (N,) of which 0
    is a person."""
    correct = (cls_score.squeeze(1) > 0) == (labels == 0)
    accuracy = 100 * correct.sum() / max(len(correct), 1)
    return dict(losses, acc=accuracy)
