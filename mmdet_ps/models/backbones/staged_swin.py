"""Swin Transformer, of mmdet."""

from __future__ import annotations

import torch.nn.functional as F
from mmdet.models.backbones.swin import SwinTransformer, swin_converter
from mmdet.registry import MODELS
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn

from mmdet_ps.utils.checkpoint import (
    BACKBONE_PREFIX,
    StateDict,
    under_prefix,
)
from mmdet_ps.utils.errors import UserError

from .staged_backbone import EMBEDDING, NUM_STAGES, StagedBackbone


@MODELS.register_module()
class StagedSwin(StagedBackbone):
    """Swin Transformer (Liu et al., ICCV 2021).

    The layers are those of mmdet's ``SwinTransformer`` and keep their names;
    its weights, those of the authors and, converted, those of SOLIDER load.
    A stage of Swin begins with the merging of its patches, which the names
    count to the stage before.

    With ``semantic_weight``, every stage but the first receives its map
    scaled and shifted as SOLIDER does (Chen et al., "Beyond Appearance",
    CVPR 2023, section 3.3): its layers map the weight w of semantic and 1 - w
    of appearance information to softplus(scale) and shift of each channel.

    Args:
        embed_dims (int): channels of the first stage; each has twice those of
            the one before.
        depths (tuple[int, ...]): blocks of each stage.
        num_heads (tuple[int, ...]): of attention, in each stage.
        window_size (int): side of a window.
        patch_size (int): side of a patch, the stride of the first stage.
        drop_path_rate (float): of the last block; less in those before.
        semantic_weight (float, optional): from 0 to 1, of SOLIDER.
        **kwargs: further options of :class:`StagedBackbone`.

    Raises:
        UserError: a semantic weight outside 0 to 1.
    """

    def __init__(
        self,
        embed_dims: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        num_heads: tuple[int, ...] = (3, 6, 12, 24),
        window_size: int = 7,
        patch_size: int = 4,
        drop_path_rate: float = 0.1,
        semantic_weight: float | None = None,
        **kwargs,
    ) -> None:
        channels = tuple(embed_dims * 2**i for i in range(NUM_STAGES))
        super().__init__(channels=channels, **kwargs)
        if semantic_weight is not None and not 0 <= semantic_weight <= 1:
            raise UserError(
                f'semantic_weight is {semantic_weight}: choose from 0 to 1'
            )
        model = SwinTransformer(
            embed_dims=embed_dims,
            depths=tuple(depths),
            num_heads=tuple(num_heads),
            window_size=window_size,
            patch_size=patch_size,
            strides=(patch_size, 2, 2, 2),
            drop_path_rate=drop_path_rate,
        )
        if self.part != 'top':
            self.patch_embed = model.patch_embed
        self.stages = nn.ModuleList(
            model.stages[i] if i in self.stages_here else nn.Module()
            for i in range(self.stages_here[-1] + 1)
        )
        if self.part == 'stem':
            del self.stages[-1].downsample
        elif self.part == 'top':
            self.stages[-2].downsample = model.stages[-2].downsample
        self.semantic_weight = semantic_weight
        if semantic_weight is not None:
            self._add_semantic_layers()
        self.train()  # freezes

    def _add_semantic_layers(self) -> None:
        """Layers by the number of the stage that they follow."""
        for name in ('semantic_embed_w', 'semantic_embed_b'):
            layers = {
                str(stage - 1): nn.Linear(2, self.channels[stage])
                for stage in self.stages_here
                if stage > 0
            }
            self.add_module(name, nn.ModuleDict(layers))

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to (B, C, H / 4, W / 4)."""
        return to_map(*self.patch_embed(images))

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        """The map before a stage, (B, C, H, W), to that after it."""
        shape = tuple(x.shape[2:])
        x = x.flatten(2).transpose(1, 2)
        if stage > 0:
            x, shape = self.stages[stage - 1].downsample(x, shape)
            if self.semantic_weight is not None:
                x = self._modulate(stage, x)
        for block in self.stages[stage].blocks:
            x = block(x, shape)
        return to_map(x, shape)

    def _modulate(self, stage: int, x: Tensor) -> Tensor:
        """Tokens (B, N, C) scaled and shifted by the semantic weight."""
        weights = x.new_tensor(
            [self.semantic_weight, 1 - self.semantic_weight]
        )
        scale = self.semantic_embed_w[str(stage - 1)](weights)
        return x * F.softplus(scale) + self.semantic_embed_b[str(stage - 1)](
            weights
        )

    def layers_of(self, stage: int) -> list[nn.Module]:
        """Layers of a stage that this part has."""
        if stage == EMBEDDING:
            return [self.patch_embed] if self.part != 'top' else []
        if stage not in self.stages_here:
            return []
        before = self.stages[stage - 1].downsample if stage else nn.Module()
        return [before, self.stages[stage].blocks]

    def init_random(self) -> None:
        """As Swin is initialised: all of its small weights alike."""
        super().init_random()
        for name, table in self.named_parameters():
            if name.endswith('relative_position_bias_table'):
                trunc_normal_(table, std=0.02)

    def in_own_layout(self, weights: StateDict) -> StateDict:
        """Weights of mmdet or of Swin's authors under mmdet's names."""
        if any(key.startswith('layers.') for key in weights):
            weights = {
                key: value
                for key, value in weights.items()
                if not key.endswith('attn_mask')  # for pictures of one size
            }
            weights = under_prefix(swin_converter(weights), BACKBONE_PREFIX)
        return weights


def to_map(tokens: Tensor, shape: tuple[int, int]) -> Tensor:
    """Tokens (B, H * W, C) as a map (B, C, H, W)."""
    return (
        tokens.transpose(1, 2)
        .unflatten(2, tuple(map(int, shape)))
        .contiguous()
    )
