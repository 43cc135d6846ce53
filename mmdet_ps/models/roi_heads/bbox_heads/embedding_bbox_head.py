"""Class, box and embedding from one RoI feature (OIM)."""

from mmdet.registry import MODELS
from torch import Tensor

from .embedding_layer import EmbeddingLayer
from .pooled_bbox_head import PooledBBoxHead


@MODELS.register_module()
class EmbeddingBBoxHead(PooledBBoxHead):
    """Three linear branches on max-pooled features.

    Args:
        in_channels: channels of the top's output (C5).
        embed_dims: length of the embedding.
        c4_channels: channels of the RoI's input features (C4) if these make
            up one half of the embedding.
        embedding_bias: the embedding's projection has a bias.
        embedding_norm_std: see ``EmbeddingLayer``.
        kwargs: further options of mmdet's ``BBoxHead``.
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
        self, top_feats: Tensor, roi_feats: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Answer for RoI features after the top and before it.

        Args:
            top_feats: (N, C5, h, w).
            roi_feats: (N, C4, H, W).

        Returns:
            class logits (N, 2), person first; deltas (N, 4); embeddings
            (N, D) of any length.
        """
        pooled = top_feats.amax(dim=(2, 3))
        embeddings = self.embed_pooled(pooled, roi_feats)
        return self.fc_cls(pooled), self.fc_reg(pooled), embeddings

    def embed_pooled(self, pooled: Tensor, roi_feats: Tensor) -> Tensor:
        """Embeddings (N, D) of pooled C5 (N, C5) and C4 (N, C4, H, W)."""
        levels = [roi_feats.amax(dim=(2, 3)), pooled]
        return self.embedding(levels if self.with_c4 else levels[1:])
