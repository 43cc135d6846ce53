"""Keeps the features of a backbone near to those it had at the start."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError

# Added to variances, which are never zero.
EPSILON = 1e-5


class NearStartTerm(BaseModule):
    """Distance of feature maps from those of a frozen copy of the backbone.

    MIRO (Cha et al., "Domain Generalization by Mutual-Information
    Regularization with Pre-trained Models", ECCV 2022) keeps what weights of
    ImageNet know while other domains are learnt. With the maps f of the
    backbone, those g of its copy on the same pictures, and a variance v_c that
    each channel c learns, the loss of a map is the mean over pixels and
    channels of

        1/2 (log v_c + (g_c - f_c)^2 / v_c),

    the loss of the paper with the identity as mean encoder; that of several
    maps is the mean of theirs.

    The copy is taken in the first training step, after all weights have been
    loaded. It is part of checkpoints, so that a resumed training keeps to the
    same start, and has running statistics in its batch normalisations. It
    costs another forward pass of the backbone.

    Args:
        backbone (nn.Module): Whose copy is taken.
        in_channels (Sequence[int]): Channels of each map of the backbone.
        weight (float): Weight of the loss.
        variance (float): What variances begin with.
    """

    def __init__(
        self,
        backbone: nn.Module,
        in_channels: Sequence[int],
        weight: float = 0.1,
        variance: float = 0.1,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.start = copy.deepcopy(backbone)
        self.start.requires_grad_(False)
        self.start.eval()  # no chain: mmdet's backbones return nothing
        raw = math.log(math.expm1(variance - EPSILON))
        self.raw_variances = nn.ParameterList(
            [torch.full((channels,), raw) for channels in in_channels]
        )
        self.register_buffer('taken', torch.zeros((), dtype=torch.bool))
        # What the buffer says, known on the host.
        self._taken = False

    def init_weights(self) -> None:
        """Nothing: the copy is taken later."""

    def train(self, mode: bool = True) -> NearStartTerm:
        """As of any module, but the copy stays as it is."""
        super().train(mode)
        self.start.eval()
        return self

    def take(self, backbone: nn.Module) -> None:
        """Take the copy, unless there is one; before a pass of training,
        which changes running statistics."""
        if self._taken:
            return
        if not bool(self.taken):
            self.start.load_state_dict(backbone.state_dict())
            self.taken.fill_(True)
        self._taken = True

    def forward(
        self,
        images: Tensor,
        maps: Tensor | Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """The loss of one pass of the detector.

        Args:
            images: (B, 3, H, W) float, as the backbone saw them.
            maps: What the backbone made of them, one (B, C, h, w) or several.

        Returns:
            dict: ``near_start_loss``, a scalar.

        Raises:
            UserError: The backbone has other maps than ``in_channels`` says.
        """
        with torch.no_grad():
            wanted = self.start(images)
        maps, wanted = (
            [part] if isinstance(part, Tensor) else list(part)
            for part in (maps, wanted)
        )
        found = [part.size(1) for part in maps]
        if found != [len(raw) for raw in self.raw_variances]:
            raise UserError(
                f'the maps of the backbone have {found} channels: give these '
                'as near_start.in_channels'
            )
        # A difference of large numbers, squared.
        with torch.autocast(images.device.type, enabled=False):
            losses = [
                self._loss(part.float(), other.float(), raw)
                for part, other, raw in zip(maps, wanted, self.raw_variances)
            ]
        return dict(near_start_loss=self.weight * sum(losses) / len(losses))

    @staticmethod
    def _loss(found: Tensor, wanted: Tensor, raw: Tensor) -> Tensor:
        """Loss of a map (B, C, h, w) with raw variances (C,)."""
        variance = F.softplus(raw.float())[:, None, None] + EPSILON
        squares = (wanted - found).square() / variance
        return (variance.log() + squares).mean() / 2
