"""A plain vision transformer, of timm: DINOv2, DINOv3 and their like."""

from __future__ import annotations

import sys

import torch
import torch.utils.checkpoint
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmdet_ps.utils.checkpoint import StateDict
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.optional_packages import optional

from .staged_backbone import EMBEDDING, StagedBackbone
from .staged_swin import to_map

CUT = 2  # the stage after which stem and top are cut, as elsewhere
LAST = 3
NORM = 'norm.'  # timm's name of what is norm3 here


@MODELS.register_module()
class StagedViT(StagedBackbone):
    """A plain vision transformer; its blocks stand for the stages.

    The last blocks are the top: on each RoI they attend to the tokens of its
    grid, without class and register tokens. The blocks before them are the
    stem, frozen by ``frozen_stages=3``; 4 freezes the top as well. The whole
    puts out a simple feature pyramid (Li et al., "Exploring Plain Vision
    Transformer Backbones for Object Detection", ECCV 2022, section 3): maps of
    a quarter, a half, one and two times the stride of the patches, made of the
    last map alone.

    Args:
        architecture (str): name of the model in timm, such as
            ``vit_small_patch14_dinov2`` or ``vit_small_patch16_dinov3``.
        options (dict, optional): of the model in timm. ``patch_size=16`` gives
            DINOv2 the stride of the others; the weights of its patches are
            resampled.
        top_blocks (int): how many blocks the top has.
        pyramid (tuple[int, ...]): levels that the whole puts out, 0 to 3.
        cut_map (bool): the whole puts out the map at the cut, too, behind
            them: what a RoI head with this top looks at (``roi_stage`` of
            ROI-AlignPS).
        **kwargs: further options of :class:`StagedBackbone`.

    Raises:
        UserError: timm is not installed or lacks the model, or the model has
            no blocks to cut there.
    """

    def __init__(
        self,
        architecture: str,
        options: dict | None = None,
        top_blocks: int = 3,
        pyramid: tuple[int, ...] = (1, 2, 3),
        cut_map: bool = False,
        **kwargs,
    ) -> None:
        self.library = dict(architecture=architecture, **(options or {}))
        model = timm_model(**self.library)
        width, depth = model.embed_dim, len(model.blocks)
        if not 0 < top_blocks < depth:
            raise UserError(
                f'top_blocks is {top_blocks}, but {architecture} has {depth} '
                f'blocks: choose from 1 to {depth - 1}'
            )
        super().__init__(
            channels=(width // 4, width // 2, width, width),
            out_indices=(CUT, LAST) if cut_map else (LAST,),
            norm_eps=1e-6,
            **kwargs,
        )
        self.cut = depth - top_blocks
        if self.part != 'top':
            for name in ('patch_embed', 'norm_pre'):
                self.add_module(name, getattr(model, name))
            for name in ('cls_token', 'reg_token', 'pos_embed'):
                self.register_parameter(name, getattr(model, name, None))
            self.no_embed_class = model.no_embed_class
        self.rope = getattr(model, 'rope', None)
        first = self.cut if self.part == 'top' else 0
        last = self.cut if self.part == 'stem' else depth
        # Placeholders, so that the blocks have their numbers in all parts.
        self.blocks = nn.ModuleList(
            model.blocks[i] if i >= first else nn.Identity()
            for i in range(last)
        )
        if self.part == 'top':
            for block in self.blocks[self.cut :]:
                # How many tokens have no place in the grid.
                block.attn.num_prefix_tokens = 0
        self.pyramid = None
        if self.part == 'whole':
            self.pyramid = SimpleFeaturePyramid(width, pyramid)
        self.train()  # freezes

    def run_stages(self, x: Tensor) -> list[Tensor]:
        """Maps of the part, (B, C, H, W) each: of the stem that at the cut, of
        the top the last one, of the whole the pyramid and, if asked for,
        that at the cut."""
        if self.part == 'top':
            shape = x.shape[2:]
            tokens = x.flatten(2).transpose(1, 2)
            tokens = self._run(LAST, tokens, shape)
            return [self.put_out(LAST, to_map(tokens, shape))]
        tokens, shape = self._tokens(x)
        others = tokens.shape[1] - shape[0] * shape[1]
        tokens = self._run(CUT, tokens, shape)
        at_cut = []
        if CUT in self.out_indices:
            at_cut = [self.put_out(CUT, to_map(tokens[:, others:], shape))]
        if self.part == 'stem':
            return at_cut
        tokens = self._run(LAST, tokens, shape)
        last = self.put_out(LAST, to_map(tokens[:, others:], shape))
        return [*self.pyramid(last), *at_cut]

    def _tokens(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """What the first block receives of images (B, 3, H, W).

        Returns:
            tuple: class, register and patch tokens, (B, N, C), and rows and
            columns of the patches.
        """
        x = self.patch_embed(images)
        shape = tuple(x.shape[1:3])
        x = x.flatten(1, 2)
        others = [
            token.expand(len(x), -1, -1)
            for token in (self.cls_token, self.reg_token)
            if token is not None
        ]
        place = 0
        if self.pos_embed is not None:
            own = 0 if self.no_embed_class else sum(t.shape[1] for t in others)
            place = optional('timm.layers').resample_abs_pos_embed(
                self.pos_embed,
                new_size=shape,
                old_size=self.patch_embed.grid_size,
                num_prefix_tokens=own,
            )
        if self.no_embed_class:
            x = torch.cat([*others, x + place], dim=1)
        else:
            x = torch.cat([*others, x], dim=1) + place
        return self.norm_pre(x), shape

    def _run(
        self, stage: int, tokens: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        """Tokens (B, N, C) through the blocks of a stage."""
        options = {}
        if self.rope is not None:
            options['rope'] = self.rope.get_embed(shape=tuple(shape))
        for block in self.layers_of(stage):
            if self.with_cp and tokens.requires_grad:
                tokens = torch.utils.checkpoint.checkpoint(
                    block, tokens, use_reentrant=False, **options
                )
            else:
                tokens = block(tokens, **options)
        return tokens

    def layers_of(self, stage: int) -> list[nn.Module | nn.Parameter]:
        """Layers of a stage that this part has."""
        if stage == EMBEDDING and self.part != 'top':
            found = (
                self.patch_embed,
                self.norm_pre,
                self.cls_token,
                self.reg_token,
                self.pos_embed,
            )
            return [layer for layer in found if layer is not None]
        if stage == CUT and self.part != 'top':
            return list(self.blocks[: self.cut])
        if stage == LAST and self.part != 'stem':
            return list(self.blocks[self.cut :])
        return []

    def init_random(self) -> None:
        """Nothing: timm's layers come with their random start."""

    def in_own_layout(self, weights: StateDict) -> StateDict:
        """Weights in a layout that timm reads under timm's names, the last
        norm as ``norm3``."""
        own = {k: v for k, v in weights.items() if k.startswith('pyramid.')}
        model = timm_model(**self.library)
        convert = sys.modules[type(model).__module__].checkpoint_filter_fn
        # timm changes the dict it is given.
        theirs = convert(
            {k: v for k, v in weights.items() if k not in own}, model
        )
        return own | {
            f'norm{LAST}.{key.removeprefix(NORM)}'
            if key.startswith(NORM)
            else key: value
            for key, value in theirs.items()
        }


def timm_model(architecture: str, **options) -> nn.Module:
    """A plain vision transformer of timm, with its random start.

    Args:
        architecture (str): its name there.
        **options: of the model.

    Raises:
        UserError: timm lacks it, or it is of another kind.
    """
    timm = optional('timm')
    try:
        model = timm.create_model(
            architecture, num_classes=0, dynamic_img_size=True, **options
        )
    except RuntimeError as error:
        raise UserError(
            f'timm {timm.__version__} has no {architecture} ({error}): see '
            'timm.list_models("vit*dino*")'
        ) from None
    if not hasattr(model, 'blocks') or not hasattr(model, 'pos_embed'):
        raise UserError(
            f'{architecture} is no plain vision transformer: see '
            'timm.list_models("vit*dino*")'
        )
    return model


class SimpleFeaturePyramid(nn.Module):
    """Four maps of one: four and two times as fine, as it is, half as fine.

    What follows, a neck, brings them to one number of channels.

    Args:
        channels (int): of the map.
        levels (tuple[int, ...]): which of the four to make, the finest is 0.
    """

    def __init__(self, channels: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        half, quarter = channels // 2, channels // 4
        makers = (
            lambda: nn.Sequential(
                nn.ConvTranspose2d(channels, half, 2, stride=2),
                nn.GroupNorm(1, half),
                nn.GELU(),
                nn.ConvTranspose2d(half, quarter, 2, stride=2),
            ),
            lambda: nn.ConvTranspose2d(channels, half, 2, stride=2),
            nn.Identity,
            lambda: nn.MaxPool2d(2),
        )
        self.levels = nn.ModuleDict({str(i): makers[i]() for i in levels})

    def forward(self, x: Tensor) -> list[Tensor]:
        """A map (B, C, H, W) to those of the levels, the finest first."""
        return [level(x) for level in self.levels.values()]
