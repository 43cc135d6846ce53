"""Pyramid Vision Transformer v2, of mmdet."""

from __future__ import annotations

import math

from mmdet.models.backbones.pvt import PyramidVisionTransformerV2, pvt_convert
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmdet_ps.utils.checkpoint import StateDict

from .staged_backbone import EMBEDDING, StagedBackbone
from .staged_swin import to_map


@MODELS.register_module()
class StagedPVT(StagedBackbone):
    """PVTv2 (Wang et al., Computational Visual Media 2022).

    The layers are those of mmdet's ``PyramidVisionTransformerV2`` and keep
    their names; its weights and those of the authors load. Each stage begins
    with an embedding of patches and ends with a norm of its own, so that stem
    and top in a row are the whole.

    Args:
        embed_dims (int): channels per head of attention.
        num_layers (tuple[int, ...]): blocks of each stage.
        num_heads (tuple[int, ...]): of attention, in each stage.
        mlp_ratios (tuple[int, ...]): width of each stage's perceptrons.
        strides (tuple[int, ...]): of each stage's embedding.
        sr_ratios (tuple[int, ...]): how much each stage reduces the maps that
            attention looks at.
        drop_path_rate (float): of the last block; less in those before.
        **kwargs: further options of :class:`StagedBackbone`.
    """

    def __init__(
        self,
        embed_dims: int = 64,
        num_layers: tuple[int, ...] = (3, 4, 6, 3),
        num_heads: tuple[int, ...] = (1, 2, 5, 8),
        mlp_ratios: tuple[int, ...] = (8, 8, 4, 4),
        strides: tuple[int, ...] = (4, 2, 2, 2),
        sr_ratios: tuple[int, ...] = (8, 4, 2, 1),
        drop_path_rate: float = 0.1,
        **kwargs,
    ) -> None:
        channels = tuple(embed_dims * heads for heads in num_heads)
        super().__init__(channels=channels, norm_out=False, **kwargs)
        model = PyramidVisionTransformerV2(
            embed_dims=embed_dims,
            num_layers=list(num_layers),
            num_heads=list(num_heads),
            mlp_ratios=list(mlp_ratios),
            strides=list(strides),
            sr_ratios=list(sr_ratios),
            drop_path_rate=drop_path_rate,
        )
        self.layers = nn.ModuleList(
            model.layers[i] if i in self.stages_here else nn.Identity()
            for i in range(self.stages_here[-1] + 1)
        )
        self.train()  # freezes

    def embed(self, images: Tensor) -> Tensor:
        """The images: the first stage embeds them."""
        return images

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        """The map before a stage, (B, C, H, W), to that after it."""
        embedding, blocks, norm = self.layers[stage]
        tokens, shape = embedding(x)
        for block in blocks:
            tokens = block(tokens, shape)
        return to_map(norm(tokens), shape)

    def layers_of(self, stage: int) -> list[nn.Module]:
        """Layers of a stage that this part has."""
        if stage == EMBEDDING:
            return [self.layers[0][0]] if self.part != 'top' else []
        return [self.layers[stage]] if stage in self.stages_here else []

    def init_random(self) -> None:
        """As PVT is initialised: convolutions by the width of what follows."""
        super().init_random()
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                fan = math.prod(layer.kernel_size) * layer.out_channels
                nn.init.normal_(
                    layer.weight, std=math.sqrt(2 * layer.groups / fan)
                )
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def in_own_layout(self, weights: StateDict) -> StateDict:
        """Weights of mmdet or of PVT's authors under mmdet's names."""
        if any(key.startswith('block1.') for key in weights):
            weights = pvt_convert(weights)
        return weights
