"""Class, box and embedding from one RoI feature (OIM)."""

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError

from .pooled_bbox_head import PooledBBoxHead


class EmbeddingLayer(BaseModule):
    """From pooled features to embeddings: a linear projection and batch norm
    per level, the levels concatenated.

    Args:
        in_channels (list[int]): channels of each level.
        embed_dims (int): length of the embedding, shared evenly by the levels.
        bias (bool): the projection has a bias.
        norm_std (float, optional): standard deviation of the norm's initial
            weights; ones if not given.

    Raises:
        UserError: a length that the levels cannot share evenly.
    """

    def __init__(
        self,
        in_channels: list[int],
        embed_dims: int = 256,
        bias: bool = False,
        norm_std: float | None = None,
    ) -> None:
        super().__init__()
        if embed_dims % len(in_channels):
            raise UserError(
                f'embed_dims {embed_dims} cannot be shared by '
                f'{len(in_channels)} levels'
            )
        dims = embed_dims // len(in_channels)
        self.projections = nn.ModuleList(
            nn.Sequential(
                nn.Linear(channels, dims, bias=bias), SmallBatchNorm1d(dims)
            )
            for channels in in_channels
        )
        self.norm_std = norm_std

    def init_weights(self) -> None:
        """Normal weights of deviation 0.01, no bias."""
        super().init_weights()
        for linear, norm in self.projections:
            nn.init.normal_(linear.weight, std=0.01)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)
            if self.norm_std is not None:
                nn.init.normal_(norm.weight, std=self.norm_std)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Levels of (N, C_i) to embeddings (N, D) of any length."""
        return torch.cat(
            [
                project(level)
                for project, level in zip(self.projections, levels)
            ],
            dim=1,
        )


@MODELS.register_module()
class EmbeddingBBoxHead(PooledBBoxHead):
    """Three linear branches on max-pooled features.

    Args:
        in_channels (int): channels of the top's output (C5).
        embed_dims (int): length of the embedding.
        c4_channels (int, optional): channels of the RoI's input features (C4)
            if these make up one half of the embedding.
        embedding_bias (bool): the embedding's projection has a bias.
        embedding_norm_std (float, optional): see ``EmbeddingLayer``.
        **kwargs: further options of mmdet's ``BBoxHead``.
    """

    def __init__(
        self,
        in_channels: int = 2048,
        embed_dims: int = 256,
        c4_channels: int | None = None,
        embedding_bias: bool = False,
        embedding_norm_std: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(in_channels=in_channels, **kwargs)
        self.with_c4 = c4_channels is not None
        levels = [c4_channels, in_channels] if self.with_c4 else [in_channels]
        self.embedding = EmbeddingLayer(
            levels, embed_dims, embedding_bias, embedding_norm_std
        )
        self.embed_dims = embed_dims

    def forward(
        self, top_feats: Tensor, roi_feats: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Answer for RoI features.

        Args:
            top_feats (Tensor): features after the top, (N, C5, h, w) float.
            roi_feats (Tensor, optional): features before it, (N, C4, H, W)
                float; read if these make up one half of the embedding.

        Returns:
            tuple: class logits (N, 2), person first; deltas (N, 4); embeddings
            (N, D) of any length.
        """
        pooled = top_feats.amax(dim=(2, 3))
        embeddings = self.embed_pooled(pooled, roi_feats)
        return self.fc_cls(pooled), self.fc_reg(pooled), embeddings

    def embed_pooled(self, pooled: Tensor, roi_feats: Tensor | None) -> Tensor:
        """Embeddings (N, D) of pooled C5 (N, C5) and of C4 (N, C4, H, W)."""
        if not self.with_c4:
            return self.embedding([pooled])
        return self.embedding([roi_feats.amax(dim=(2, 3)), pooled])
