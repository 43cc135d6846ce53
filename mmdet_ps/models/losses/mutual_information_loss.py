"""Mutual information between two embeddings of the same persons (MINE)."""

import math

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.dist import get_world_size
from mmengine.model import BaseModule
from torch import Tensor, nn

from .distributed import (
    all_gather_live_rows,
    all_gather_rows,
    shared_random_seed,
)
from .ids_on_host import ids_on_host, places


@MODELS.register_module()
class MutualInformationLoss(BaseModule):
    """Raise a lower bound of the information two branches share.

    For two branches with embeddings x and z of the same persons and a small
    network T that scores a pair, the information is at least

        E[T(x, z)] - log E[exp(T(x, z'))],

    where z' is the embedding of a random person: the Donsker-Varadhan bound,
    theorem 1 of Belghazi et al., "Mutual Information Neural Estimation" (ICML
    2018). ROI-AlignPS (Yan et al., arXiv 2109.00211) maximises it between its
    dense and its RoI embeddings, averaged per person first. In one step of
    three (by chance, the same on all ranks) the features are trained with the
    network, in the others the network alone.

    Args:
        embed_dims (int): length of an embedding, the same in both branches.
        hidden_dims (int): width of the network.
        feature_probability (float): share of the steps that train features.
        loss_weight (float): weight of the negated bound.
        init_cfg (dict, optional): initial weights.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        hidden_dims: int = 256,
        feature_probability: float = 1 / 3,
        loss_weight: float = 0.2,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.feature_probability = feature_probability
        self.loss_weight = loss_weight
        self.network = nn.Sequential(
            nn.Linear(2 * embed_dims, hidden_dims),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_dims, 1),
        )

    def forward(
        self, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Loss of the persons of all ranks that both branches saw.

        Args:
            first, second (tuple[Tensor, Tensor]): of each branch the unit
                embeddings, (N, D) float, and the identities, (N,) int64; those
                below zero take no part.

        Returns:
            Tensor: scalar; a zero that reaches every input and parameter if
            the branches share nobody.
        """
        with torch.autocast(first[0].device.type, enabled=False):
            first, ids = self._labelled_of_all_ranks(*first)
            second, second_ids = self._labelled_of_all_ranks(*second)
            # A person has many rows in each branch, and not the same number:
            # both are averaged to one row per person.
            ids, index = torch.cat([ids, second_ids]).unique(
                return_inverse=True
            )
            index = index.split([len(first), len(second)])
            counts = [i.bincount(minlength=len(ids)) for i in index]
            shared = places((counts[0] > 0) & (counts[1] > 0))
            means = [
                F.normalize(
                    x.new_zeros(len(ids), x.size(1)).index_add(
                        0, i.to(x.device), x
                    )
                )[shared]
                for x, i in zip((first, second), index)
            ]
            # Drawn on every path, so that all ranks take part in the exchange.
            seed = shared_random_seed(first.device)
            if len(shared) == 0:
                unused = sum(p.sum() for p in self.parameters())
                return (first.sum() + second.sum() + unused) * 0
            return -self.loss_weight * self._bound(*means, seed)

    @staticmethod
    def _labelled_of_all_ranks(
        embeddings: Tensor, person_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Embeddings (M, D) float32 and identities (M,), on the host, of
        labelled rows."""
        ids, _ = ids_on_host(embeddings, person_ids)
        labelled = places(ids >= 0)
        person_ids = ids[labelled]
        if get_world_size() > 1:
            person_ids = all_gather_rows(person_ids.to(embeddings.device))
        return (
            all_gather_live_rows(embeddings[labelled].float()),
            person_ids.cpu(),
        )

    def _bound(self, first: Tensor, second: Tensor, seed: int) -> Tensor:
        """The bound, from one mean embedding per person and branch.

        Args:
            first, second (Tensor): unit vectors of P persons, (P, D) float32.
            seed (int): of the random persons, the same on all ranks.
        """
        generator = torch.Generator().manual_seed(seed)
        # The bound is tight only for a trained network; the features follow
        # it in one step of three.
        draw = torch.rand((), generator=generator)
        if draw >= self.feature_probability:
            first, second = first.detach(), second.detach()
        number = len(first)
        # Pairs of random persons; a person may meet itself.
        others = torch.randint(number, (number,), generator=generator)
        pairs = torch.cat([first, second], dim=1)
        mixed = torch.cat([first, second[others.to(second.device)]], dim=1)
        return self.network(pairs).mean() - (
            self.network(mixed).logsumexp(dim=0).squeeze() - math.log(number)
        )
