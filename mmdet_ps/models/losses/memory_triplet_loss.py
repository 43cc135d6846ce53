"""Hardest positive and negative among a batch and its memory rows."""

import torch
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from torch import Tensor, nn

from .distributed import all_gather_live_rows, all_gather_rows
from .ids_on_host import check_person_ids, ids_on_host, places


@MODELS.register_module()
class MemoryTripletLoss(nn.Module):
    """Triplet loss whose anchors are the batch and the rows it belongs to.

    The triplet part of the TOIM loss of AlignPS (Yan et al., "Anchor-Free
    Person Search", CVPR 2021). Every labelled sample brings the memory's row
    of its identity along, once per sample and without a gradient. Each of them
    is an anchor a; with the farthest p of its own identity and the nearest n
    of another one (hard mining), the loss is the mean of

        max(0, |a - p| - |a - n| + margin).

    Args:
        margin (float): distance to keep between the two.
        skip_identity_zero (bool): bring no row for identity 0, as the
            published models do (they test for ids above zero).
        loss_weight (float): weight of the loss.

    Raises:
        UserError: a person id beyond the memory.
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
            embeddings (Tensor): unit vectors, (N, D) float.
            person_ids (Tensor): (N,) int64; those below zero take no part.
            lookup_table (Tensor): the memory before it takes in this batch,
                (num_identities, D) float32.

        Returns:
            Tensor: scalar; a zero with a gradient if fewer than two identities
            are there.
        """
        ids, _ = ids_on_host(embeddings, person_ids)
        check_person_ids(ids, len(lookup_table))
        with torch.autocast(embeddings.device.type, enabled=False):
            labelled = places(ids >= 0)
            embeddings = embeddings.float()
            # The farthest and the nearest are sought among the persons of all
            # ranks, as one process would do.
            anchors = all_gather_live_rows(embeddings[labelled])
            ids = ids[labelled]
            if get_world_size() > 1:
                ids = all_gather_rows(ids.to(anchors.device)).cpu()
            with_row = ids[ids > 0] if self.skip_identity_zero else ids
            anchors = torch.cat([anchors, lookup_table[with_row].float()])
            ids = torch.cat([ids, with_row])
            if len(ids) == 0 or bool((ids == ids[0]).all()):
                return embeddings.sum() * 0
            hinges = self._hinges(anchors, ids.to(anchors.device))
            return self.loss_weight * hinges.mean()

    def _hinges(self, anchors: Tensor, ids: Tensor) -> Tensor:
        """The term of each anchor.

        Args:
            anchors (Tensor): (A, D) float32.
            ids (Tensor): their identities, (A,) int64.

        Returns:
            Tensor: (A,) float32.
        """
        length = anchors.pow(2).sum(dim=1)
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab, and above zero, where alone the root
        # has a finite gradient.
        squared = torch.addmm(
            length[:, None] + length, anchors, anchors.t(), alpha=-2
        )
        distances = squared.clamp(min=1e-12).sqrt()
        same = ids[:, None] == ids
        farthest = distances.masked_fill(~same, 0).amax(dim=1)
        nearest = distances.masked_fill(same, float('inf')).amin(dim=1)
        return (farthest - nearest + self.margin).clamp(min=0)
