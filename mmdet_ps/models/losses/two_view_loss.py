"""Two views of a person must predict each other's embedding (SimSiam)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdet_ps.models.layers import SmallBatchNorm1d
from mmdet_ps.utils.errors import UserError

from .distributed import all_gather_live_rows


@MODELS.register_module()
class TwoViewLoss(BaseModule):
    """Negative cosine between the predicted and the seen other view.

    Persons without an identity learn an embedding from it: each is its own
    class under augmentation. With z1 and z2 the features of a person in the
    two views and h the predictor, the loss of the person is

        (D(h(z1), z2) + D(h(z2), z1)) / 2,    D(p, z) = -cos(p, stop(z)),

    where no gradient flows through stop(z): equations 1 to 4 of Chen and He,
    "Exploring Simple Siamese Representation Learning" (CVPR 2021). It lies in
    [-1, 1] and is averaged over the persons of all processes.

    Args:
        in_channels (int): Length of a feature.
        hidden_channels (int, optional): Width of the predictor's hidden
            layer; a quarter of ``in_channels`` by default, as in the paper.
        loss_weight (float): Weight of the loss.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        hidden_channels = hidden_channels or max(1, in_channels // 4)
        self.in_channels = in_channels
        self.loss_weight = loss_weight
        self.predictor = nn.Sequential(
            nn.Linear(in_channels, hidden_channels, bias=False),
            SmallBatchNorm1d(hidden_channels, jointly=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, in_channels),
        )

    def forward(
        self, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Loss of the persons that both views show.

        Every process computes the loss of the persons of all processes, so
        that the predictor normalises the same rows as one process would.

        Args:
            first (Tensor): features of the persons in the first view, (P, D)
                float, of any length.
            second (Tensor): of the same persons in the second view, (P, D).

        Returns:
            tuple: The loss, a scalar; a zero that reaches both features and
            the predictor where nobody is in both views. And, to watch for
            collapse, the standard deviation of the unit features, averaged
            over the D directions and times sqrt(D), a scalar: about 1 where
            they spread over the sphere, 0 where all are the same. None for
            fewer than two persons.

        Raises:
            UserError: The features are not of length ``in_channels``.
        """
        if first.shape[-1] != self.in_channels:
            raise UserError(
                f'embeddings of length {first.shape[-1]}, but the two-view '
                f'term was built for {self.in_channels}: set '
                f'two_views.in_channels={first.shape[-1]} in the config'
            )
        with torch.autocast(first.device.type, enabled=False):
            views = torch.cat([first.float(), second.float()], dim=1)
            views = all_gather_live_rows(views)
            if len(views) == 0:
                unused = sum(p.sum() for p in self.parameters())
                return (first.sum() + second.sum() + unused) * 0, None
            first, second = views.split(self.in_channels, dim=1)
            # One call for both views: twice the rows to normalise by.
            predicted = self.predictor(torch.cat([first, second]))
            seen = torch.cat([second, first]).detach()
            cosines = F.cosine_similarity(predicted, seen, dim=1)
            return -self.loss_weight * cosines.mean(), spread(first.detach())


def spread(features: Tensor) -> Tensor | None:
    """How far features (P, D) differ in direction: 0 for not at all, about 1
    for evenly over the sphere; None for fewer than two."""
    if len(features) < 2:
        return None
    units = F.normalize(features, dim=1)
    deviation = units.std(dim=0, correction=0).mean()
    return deviation * features.shape[1] ** 0.5
