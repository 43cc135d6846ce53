"""A backbone by its stages: whole, or cut in two for two-stage methods."""

from __future__ import annotations

import torch.utils.checkpoint
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn

from mmdet_ps.utils.checkpoint import (
    BACKBONE_PREFIX,
    StateDict,
    compare,
    read_checkpoint,
    under_prefix,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.pretrained_weights import ROI_STAGES
from mmdet_ps.utils.weights_store import find_weights

PARTS = ('whole', 'stem', 'top')
NUM_STAGES = 4
EMBEDDING = -1  # the layers before the first stage, where stages are counted


class StagedBackbone(BaseModule):
    """What the backbones of other libraries have in common here.

    ``part='whole'`` puts out the maps of all stages (AlignPS, ROI-AlignPS).
    A two-stage method builds the same backbone twice: ``'stem'`` is
    everything but the last stage, run once per image, and ``'top'`` the last
    stage, run on each RoI. Both parts keep the names that their parameters
    have in the whole, so that one checkpoint fills both.

    A family of backbones derives from this class, takes its layers from the
    library that has them, says :meth:`embed`, :meth:`run_stage`,
    :meth:`layers_of` and :meth:`in_own_layout`, and ends its ``__init__``
    with ``self.train()``, which freezes.

    Args:
        channels (tuple[int, ...]): of the maps of the four stages.
        part (str): ``'whole'``, ``'stem'`` or ``'top'``.
        out_indices (tuple[int, ...]): stages whose maps the whole puts out;
            the stem puts out stage 2 and the top stage 3.
        norm_out (bool): a layer norm on every map that is put out
            (``norm{stage}``). Without it, stem and top in a row are the
            whole; with it, the top receives a normalised map.
        norm_eps (float): of these norms.
        frozen_stages (int): freeze the embedding of the image and this many
            stages; -1 for nothing.
        with_cp (bool): trade computation for memory in training.
        init_cfg (dict, optional): None for a random start, or
            ``dict(type='Pretrained', checkpoint=...)``; the checkpoint may be
            in any layout that ``in_own_layout`` knows.

    Raises:
        UserError: another part, or another kind of ``init_cfg``.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        part: str = 'whole',
        out_indices: tuple[int, ...] = (0, 1, 2, 3),
        norm_out: bool = True,
        norm_eps: float = 1e-5,
        frozen_stages: int = -1,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        if part not in PARTS:
            raise UserError(f'part is {part!r}: choose one of {PARTS}')
        if init_cfg and (
            not isinstance(init_cfg, dict) or init_cfg['type'] != 'Pretrained'
        ):
            raise UserError(
                f'init_cfg of {type(self).__name__} is {init_cfg}: give '
                "dict(type='Pretrained', checkpoint=...), or None"
            )
        super().__init__(init_cfg)
        self.part = part
        self.stages_here = dict(whole=(0, 1, 2, 3), stem=(0, 1, 2), top=(3,))[
            part
        ]
        self.out_indices = (
            tuple(out_indices) if part == 'whole' else self.stages_here[-1:]
        )
        self.channels = tuple(channels)
        self.in_channels, self.out_channels = self.channels[-2:]
        self.norm_out = norm_out
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp
        if norm_out:
            for stage in self.out_indices:
                norm = nn.LayerNorm(self.channels[stage], eps=norm_eps)
                self.add_module(f'norm{stage}', norm)

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to what the first stage receives."""
        raise NotImplementedError

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        """The map before a stage, (B, C, H, W), to that after it."""
        raise NotImplementedError

    def layers_of(self, stage: int) -> list[nn.Module | nn.Parameter]:
        """Layers of a stage that this part has; ``EMBEDDING`` is the one
        before the first."""
        raise NotImplementedError

    def in_own_layout(self, weights: StateDict) -> StateDict:
        """Weights of the whole backbone under the names used here."""
        return weights

    def forward(self, x: Tensor) -> tuple[Tensor, ...] | Tensor:
        """Run the part.

        Args:
            x (Tensor): images, (B, 3, H, W) float, or RoI features, (N,
                in_channels, h, w) float, for the top.

        Returns:
            tuple[Tensor]: the map of each output stage, (B, C, H, W); of the
            top the map alone, (N, out_channels, h / 2, w / 2).
        """
        if self.part == 'top' and len(x) == 0:
            # Attention in windows cannot count the windows of nothing.
            return self.run_stages(x.new_zeros(1, *x.shape[1:]))[0][:0]
        maps = self.run_stages(x)
        return maps[0] if self.part == 'top' else tuple(maps)

    def run_stages(self, x: Tensor) -> list[Tensor]:
        """Maps of the output stages, (B, C, H, W) each."""
        if self.part != 'top':
            x = self.embed(x)
        maps = []
        for stage in self.stages_here:
            if self.with_cp and x.requires_grad:
                x = torch.utils.checkpoint.checkpoint(
                    self.run_stage, stage, x, use_reentrant=False
                )
            else:
                x = self.run_stage(stage, x)
            if stage in self.out_indices:
                maps.append(self.put_out(stage, x))
        return maps

    def put_out(self, stage: int, x: Tensor) -> Tensor:
        """The map of a stage as it leaves the backbone, (B, C, H, W)."""
        if not self.norm_out:
            return x
        norm = self.get_submodule(f'norm{stage}')
        return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()

    def train(self, mode: bool = True) -> StagedBackbone:
        """Switch the mode, frozen stages staying as they are."""
        super().train(mode)
        for stage in range(EMBEDDING, self.frozen_stages):
            for layer in self.layers_of(stage):
                layer.requires_grad_(False)
                if isinstance(layer, nn.Module):
                    layer.eval()
        return self

    def init_weights(self) -> None:
        """Random weights, or those of ``init_cfg``."""
        self.init_random()
        if self.init_cfg:
            self.load_pretrained(self.init_cfg['checkpoint'])

    def init_random(self) -> None:
        """The random start of a vision transformer."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def load_pretrained(self, name: str) -> None:
        """Fill this part from a file of the whole backbone or detector.

        Args:
            name (str): path, address, or name such as
                ``torchvision://convnext_tiny.imagenet1k_v1``.

        Raises:
            CheckpointError: nothing in the file fits this part.
        """
        content = read_checkpoint(find_weights(name))
        weights = content['state_dict']
        weights = under_prefix(weights, BACKBONE_PREFIX) or weights
        given = dict(self.in_own_layout(weights))
        if self.part == 'top':
            given.update(content.get(ROI_STAGES) or {})
        report = compare(self.state_dict(), given)
        report.require('', name)
        self.load_state_dict(
            {k: given[k] for k in report.loaded}, strict=False
        )
        report.unexpected = []  # of the classifier, or of the other part
        print_log(
            f'{type(self).__name__} ({self.part}) from {name}: '
            f'{report.table()}',
            logger='current',
        )
