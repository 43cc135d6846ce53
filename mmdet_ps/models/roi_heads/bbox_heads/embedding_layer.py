"""From pooled RoI features to embeddings."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError


class EmbeddingLayer(BaseModule):
    """A linear projection and batch norm per level, levels concatenated.

    Args:
        in_channels: channels of each level.
        embed_dims: length of the embedding, shared evenly by the levels.
        bias: the projection has a bias.
        norm_std: standard deviation of the norm's initial weights; ones if
            not given.
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
