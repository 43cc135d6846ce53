"""Hardest positive and negative among a batch and its memory rows."""

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from .distributed import all_gather_live_rows, all_gather_rows
from .identity_memory import check_person_ids


@MODELS.register_module()
class MemoryTripletLoss(nn.Module):
    """Triplet loss whose anchors are the batch and the rows it belongs to.

    Every labelled sample brings the row of its identity along, once per
    sample and without a gradient. Each of them is an anchor; the farthest of
    its identity and the nearest of another one are compared.

    Args:
        margin (float): Distance to keep between the two.
        skip_identity_zero (bool): Bring no row for identity 0, as the
            published models do (they test for ids above zero).
        loss_weight (float): Weight of the loss.
    """

    def __init__(
        self,
        margin: float = 0.3,
        skip_identity_zero: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.skip_identity_zero = skip_identity_zero
        self.loss_weight = loss_weight

    def forward(
        self, embeddings: Tensor, person_ids: Tensor, lookup_table: Tensor
    ) -> Tensor:
        """Mean over the anchors of all ranks.

        Args:
            embeddings (Tensor): (N, D) unit vectors.
            person_ids (Tensor): (N,), those below zero take no part.
            lookup_table (Tensor): (num_identities, D) before this batch.

        Returns:
            Tensor: scalar; a zero with a gradient if fewer than two
            identities are there.
        """
        check_person_ids(person_ids, len(lookup_table))
        with torch.autocast(embeddings.device.type, enabled=False):
            labelled = person_ids >= 0
            embeddings = embeddings.float()
            anchors = all_gather_live_rows(embeddings[labelled])
            ids = all_gather_rows(person_ids[labelled])
            with_row = ids[ids > 0] if self.skip_identity_zero else ids
            anchors = torch.cat([anchors, lookup_table[with_row].float()])
            ids = torch.cat([ids, with_row])
            if len(ids) == 0 or bool((ids == ids[0]).all()):
                return embeddings.sum() * 0
            hinges = self._hinges(anchors, ids)
            return self.loss_weight * hinges.mean()

    def _hinges(self, anchors: Tensor, ids: Tensor) -> Tensor:
        """Hinge (N,) of each of (N, D) anchors."""
        length = anchors.pow(2).sum(dim=1)
        squared = torch.addmm(
            length[:, None] + length, anchors, anchors.t(), alpha=-2
        )
        distances = squared.clamp(min=1e-12).sqrt()
        same = ids[:, None] == ids
        farthest = distances.masked_fill(~same, 0).amax(dim=1)
        nearest = distances.masked_fill(same, float('inf')).amin(dim=1)
        return (farthest - nearest + self.margin).clamp(min=0)
