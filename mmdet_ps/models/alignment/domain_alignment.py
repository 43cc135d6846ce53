"""Adversarial alignment of the sources of one feature."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.func import functional_call

from mmdet_ps.utils.errors import UserError

from ..losses.distributed import all_gather_live_rows, all_gather_rows
from .feature_queue import NO_SOURCE, FeatureQueue, one_hot
from .gradient_reversal import (
    reversal_ramp,
    reverse_gradient,
    training_progress,
)

# About ten batches: two images of a source tell little about a classifier.
RECALL_MOMENTUM = 0.9


class DomainClassifier(BaseModule):
    """Tells which source a feature came from: a small perceptron.

    The features are standardised row by row first, so that the backbone cannot
    win against the classifier by making its features small.

    Args:
        in_channels (int): length of a feature.
        num_sources (int): number of sources to tell apart.
        hidden_channels (int): width of the hidden layer.
    """

    def __init__(
        self, in_channels: int, num_sources: int, hidden_channels: int = 256
    ) -> None:
        super().__init__(
            init_cfg=dict(type='Normal', layer='Linear', std=0.01)
        )
        self.layers = nn.Sequential(
            nn.LayerNorm(in_channels, elementwise_affine=False),
            nn.Linear(in_channels, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, num_sources),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, num_sources) of features (N, in_channels)."""
        return self.layers(features)


class DomainAlignment(nn.Module):
    """A domain classifier, a gradient reversal and a feature queue.

    The classifier learns to tell the sources apart; the gradient that reaches
    the features is reversed, so that the network learns features which do not
    tell (Ganin and Lempitsky, ICML 2015). Three things are done beside that.

    Every source counts the same, however many rows of a batch are its own.

    A queue holds the latest features of each source. Sources that a batch
    lacks are represented by it when the classifier is trained, so that a batch
    of one source is still contrasted with the others. Sources that are present
    are not: old features would hold the classifier back where there are new
    ones.

    The loss is written as the sum of two terms. The first trains the
    classifier, on the batch and the queue, and does not reach the features.
    The second trains the features of the batch alone: they receive ``-weight *
    ramp`` times the gradient of their own mean cross-entropy, and its value is
    0, so that the logged loss is the classifier's. Without a queue, and with
    equally many rows of each source, the two together are the ordinary
    gradient reversal.

    Args:
        in_channels (int): length of a feature, C.
        num_sources (int): number of sources, S.
        weight (float): final weight of the reversed gradient.
        ramp (float): steepness of the weight's ramp; 0 for the full weight at
            once.
        queue_size (int): features kept per source; 0 switches the queue off.
        hidden_channels (int): width of the classifier.

    Raises:
        UserError: features of another length than ``in_channels``.
    """

    def __init__(
        self,
        in_channels: int,
        num_sources: int,
        weight: float = 0.1,
        ramp: float = 10.0,
        queue_size: int = 0,
        hidden_channels: int = 256,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.ramp = ramp
        self.in_channels = in_channels
        self.num_sources = num_sources
        self.domain_classifier = DomainClassifier(
            in_channels, num_sources, hidden_channels
        )
        self.queue = FeatureQueue(num_sources, queue_size, in_channels)
        # Share of each source's features that were told right, lately, and
        # whether there were any.
        self.register_buffer('recalls', torch.zeros(num_sources))
        self.register_buffer(
            'seen', torch.zeros(num_sources, dtype=torch.bool)
        )

    @property
    def reversal_weight(self) -> float:
        """The weight of the reversed gradient at this point of training."""
        return self.weight * reversal_ramp(training_progress(), self.ramp)

    def forward(
        self, features: Tensor, sources: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Align the features of one batch; they enter the queue afterwards.

        Args:
            features (Tensor): of this rank, (N, C) float; N may be 0.
            sources (Tensor): index of each feature's source, (N,) int64;
                NO_SOURCE for rows that take no part.

        Returns:
            tuple: the loss, a scalar; and the classifier's accuracy on the
            features of the latest batches, a scalar averaged over the sources
            (1 / num_sources when nothing tells them apart), or None for a
            batch without rows.
        """
        if features.shape[1] != self.in_channels:
            raise UserError(
                f'features of {features.shape[1]} channels, but the '
                f'alignment was built with in_channels={self.in_channels}: '
                'correct it in the config'
            )
        # Mixed precision would round the reversed gradient, which is small,
        # to zero.
        with torch.autocast(features.device.type, enabled=False):
            return self._align(
                features.to(
                    torch.promote_types(features.dtype, torch.float32)
                ),
                sources,
            )

    def _align(
        self, features: Tensor, sources: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """See :meth:`forward`."""
        # The batch of all ranks, so that they compute what one would.
        features = all_gather_live_rows(features)
        sources = all_gather_rows(sources)
        queued, queued_sources = self.queue.rows()
        # What is old would hold the classifier back where there is new.
        present = one_hot(sources, self.num_sources).any(dim=0)
        stands_in = ~present[queued_sources.clamp(min=0)]
        queued_sources = queued_sources.where(stands_in, NO_SOURCE)
        # Detached: this term is the classifier's alone.
        every = torch.cat([features.detach(), queued.to(features)])
        every_source = torch.cat([sources, queued_sources])
        logits = self.domain_classifier(every)
        loss = _balanced_cross_entropy(logits, every_source)

        # Written as x - x.detach(): it has a gradient and no value.
        adversarial = self._adversarial_loss(features, sources)
        loss = loss + adversarial - adversarial.detach()

        self.queue.push(features, sources)
        self._note_accuracy(logits[: len(features)], sources)
        if len(features) == 0:
            return loss, None
        number = self.seen.sum().clamp(min=1)
        return loss, (self.recalls * self.seen).sum() / number

    def no_rows(self) -> tuple[Tensor, Tensor]:
        """Features (0, C) and sources (0,) of a batch that has none."""
        features = next(self.parameters()).new_zeros(0, self.in_channels)
        return features, features.new_zeros(0, dtype=torch.long)

    @torch.no_grad()
    def _note_accuracy(self, logits: Tensor, sources: Tensor) -> None:
        """Take the answers to a batch into the running recall of each source.

        Args:
            logits (Tensor): of the batch of all ranks, (N, S) float.
            sources (Tensor): (N,) int64.
        """
        said = logits.argmax(dim=1)
        members = one_hot(sources, self.num_sources)
        counts = members.sum(dim=0)
        right = (members * (said == sources)[:, None]).sum(dim=0)
        latest = (right / counts.clamp(min=1)).to(self.recalls)
        mean = torch.lerp(self.recalls, latest, 1 - RECALL_MOMENTUM)
        mean = torch.where(self.seen, mean, latest)
        self.recalls.copy_(torch.where(counts > 0, mean, self.recalls))
        self.seen |= counts > 0

    def _adversarial_loss(self, features: Tensor, sources: Tensor) -> Tensor:
        """Cross-entropy whose gradient reaches the features (N, C) alone."""
        # A copy of the classifier without gradients: this term must train the
        # features and leave the classifier to the other one.
        classifier = {
            name: parameter.detach()
            for name, parameter in self.domain_classifier.named_parameters()
        }
        logits = functional_call(
            self.domain_classifier,
            classifier,
            reverse_gradient(features, self.reversal_weight),
        )
        return _balanced_cross_entropy(logits, sources)


def _balanced_cross_entropy(logits: Tensor, sources: Tensor) -> Tensor:
    """Cross-entropy to which every source that is present adds the same.

    Args:
        logits (Tensor): (N, S) float.
        sources (Tensor): (N,) int64; rows of NO_SOURCE do not count.

    Returns:
        Tensor: scalar; 0 with a gradient path if no row counts.
    """
    members = one_hot(sources, logits.shape[1])
    counts = members.sum(dim=0)
    present = (counts > 0).sum().clamp(min=1)
    weights = (members / (counts.clamp(min=1) * present)).sum(dim=1)
    losses = F.cross_entropy(
        logits, sources, reduction='none', ignore_index=NO_SOURCE
    )
    return (losses * weights).sum() + logits.sum() * 0.0
