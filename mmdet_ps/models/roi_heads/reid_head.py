"""Re-identification head of its own: no layer shared with detection."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError


@MODELS.register_module()
class SeparatedReIDHead(BaseModule):
    """Max-pooled features, batch-normalised: no projection (BSL).

    Every level has an identity loss of its own; the losses are averaged and
    the unit embeddings of the levels concatenated.

    Args:
        top (dict): layers on the RoI features (C4) that give C5.
        loss_reid (dict): identity loss of a level; its ``embed_dims`` is set
            here.
        levels (tuple[str]): ``'C5'`` and, before it, possibly ``'C4'``.
        init_cfg (dict, optional): initial weights.

    Raises:
        UserError: other levels.
    """

    def __init__(
        self,
        top: dict,
        loss_reid: dict,
        levels: tuple[str, ...] = ('C5',),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if tuple(levels) not in (('C5',), ('C4', 'C5')):
            raise UserError(
                f"levels are {tuple(levels)}: choose ('C5',) or ('C4', 'C5')"
            )
        self.top = MODELS.build(top)
        channels = dict(C4=self.top.in_channels, C5=self.top.out_channels)
        self.levels = tuple(levels)
        self.norms = nn.ModuleDict(
            {level: SmallBatchNorm1d(channels[level]) for level in levels}
        )
        self.losses = nn.ModuleDict(
            {
                level: MODELS.build(
                    dict(loss_reid, embed_dims=channels[level])
                )
                for level in levels
            }
        )

    def forward(
        self, roi_feats: Tensor, number: int | None = None
    ) -> list[Tensor]:
        """Embeddings (N, C_i) of every level, of any length.

        Args:
            roi_feats (Tensor): features of the RoIs, (N, C4, h, w) float.
            number (int, optional): how many of them count, all by default;
                the rest is in the graph alone.
        """
        if number is None:
            number = len(roi_feats)
        maps = dict(C4=roi_feats, C5=self.top(roi_feats))
        embeddings = []
        for level in self.levels:
            pooled = maps[level].amax(dim=(2, 3))
            rows = self.norms[level](pooled[:number])
            embeddings.append(rows + 0 * pooled[number:].sum())
        return embeddings

    def embed(self, roi_feats: Tensor) -> Tensor:
        """Unit embeddings (N, D) float32 of RoI features (N, C4, h, w)."""
        parts = [F.normalize(part.float()) for part in self(roi_feats)]
        return F.normalize(torch.cat(parts, dim=1))

    def loss(
        self,
        roi_feats: Tensor,
        person_ids: Tensor,
        image_indices: Tensor,
        box_indices: Tensor,
    ) -> Tensor:
        """Identity loss of RoI features (N, C4, h, w).

        Args:
            roi_feats (Tensor): features of the RoIs, (N, C4, h, w) float;
                one of nobody where there is no person.
            person_ids, image_indices, box_indices (Tensor): persons of the
                RoIs, (N,) int64 each; see ``IdentityLoss.forward``.
        """
        parts = self(roi_feats, len(person_ids))
        losses = [
            self.losses[level](part, person_ids, image_indices, box_indices)
            for level, part in zip(self.levels, parts)
        ]
        # The mean, so that a second level does not double the loss.
        return sum(losses) / len(losses)
