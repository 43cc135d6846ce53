"""What every identity loss looks like from outside."""

import copy
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmdet_ps.utils.errors import UserError

# What a detector calls the loss of its embeddings and their accuracy, unless
# it says otherwise as ``reid_keys``.
REID_KEYS = ('loss_reid', 'acc_reid')
# The box index of a row that stands for no annotated box (background).
NO_BOX = -1


class PersonRows(NamedTuple):
    """Embeddings of a batch, and what each of them is an embedding of.

    The fields are the arguments of :meth:`IdentityLoss.forward`, in order.
    """

    embeddings: Tensor  # (N, D), of any length
    person_ids: Tensor  # (N,) int64
    image_indices: Tensor | None = None  # (N,) int64, image in the batch
    box_indices: Tensor | None = None  # (N,) int64, annotated box or NO_BOX

    @staticmethod
    def join(parts: list['PersonRows']) -> 'PersonRows':
        """The rows of several calls as one; a field that a part lacks is
        lacking in the whole."""
        return PersonRows(
            *[
                None if any(p is None for p in field) else torch.cat(field)
                for field in zip(*parts)
            ]
        )


class IdentityLoss(nn.Module):
    """Base of the losses that tell persons apart.

    A detector may hold any of them. Whoever wants the embeddings that a
    detector trains on, and where in the batch they come from, listens to the
    arguments of the modules that derive from this class; see
    :mod:`mmdet_ps.models.forward_capture`.

    ``accuracy`` is the share of the labelled rows of the last batch that
    came nearest to their own identity, in percent; None if there were none.
    """

    accuracy: Tensor | None = None
    # Its options that say how many persons it holds, known and unknown; see
    # :func:`with_sizes`.
    size_options: tuple[str, ...] = ('num_identities',)

    def forward(
        self,
        embeddings: Tensor,
        person_ids: Tensor,
        image_indices: Tensor | None = None,
        box_indices: Tensor | None = None,
    ) -> Tensor:
        """Loss of a batch of embeddings.

        Args:
            embeddings (Tensor): one row per person or background region,
                (N, D) float, need not be of unit length.
            person_ids (Tensor): identity of each row, (N,) int64;
                ``UNLABELLED`` for persons without identity, ``IGNORED`` for
                rows that take no part.
            image_indices (Tensor, optional): image of the batch that each
                row comes from, (N,) int64. Heads always give it; the losses
                here need not look at it.
            box_indices (Tensor, optional): which of its image's annotated
                boxes each row stands for, (N,) int64; ``NO_BOX`` for none.

        Returns:
            Tensor: scalar; a zero that keeps the graph when no row counts.
        """
        raise NotImplementedError

    def note_accuracy(self, logits: Tensor, person_ids: Tensor) -> None:
        """Keep the accuracy of logits (n, classes) of labelled rows (n,)."""
        correct = logits.detach().argmax(dim=1) == person_ids
        self.accuracy = 100 * correct.float().mean() if len(logits) else None


def with_sizes(detector: dict, **sizes: int | None) -> dict:
    """A copy of a detector's config with identity losses of other sizes.

    Args:
        detector: the config.
        sizes: ``num_identities``, ``queue_size``: set in every identity loss
            that names them in its ``size_options``; None leaves what the
            config says.

    Raises:
        UserError: the config has no identity loss.
    """
    sizes = {key: value for key, value in sizes.items() if value is not None}
    detector = copy.deepcopy(detector)
    losses = list(_identity_losses(detector))
    if sizes and not losses:
        raise UserError(
            f'{sizes} for {detector.get("type")}, but its config has no '
            'identity loss to set them in'
        )
    for kind, loss in losses:
        loss.update({k: v for k, v in sizes.items() if k in kind.size_options})
    return detector


def _identity_losses(part: Any) -> Iterator[tuple[type[IdentityLoss], dict]]:
    """Every part of a config that builds an identity loss, with its type."""
    if isinstance(part, dict):
        kind = part.get('type')
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        if inspect.isclass(kind) and issubclass(kind, IdentityLoss):
            yield kind, part
        part = list(part.values())
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _identity_losses(inner)
