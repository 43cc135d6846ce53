"""Moving averages of identity embeddings, without a loop over persons."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class GroupedSamples(NamedTuple):
    """The samples of a batch, one row per identity, in their given order."""

    identities: Tensor  # (U,) distinct identities
    samples: Tensor  # (U, K, D), padded with zeros
    counts: Tensor  # (U,) samples of each identity


def group_by_identity(embeddings: Tensor, ids: Tensor) -> GroupedSamples:
    """Group (N, D) embeddings by their (N,) identities, keeping the order."""
    ids, order = ids.sort(stable=True)
    identities, group, counts = ids.unique_consecutive(
        return_inverse=True, return_counts=True
    )
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(ids), device=ids.device) - starts[group]
    longest = int(counts.max()) if len(ids) else 0
    samples = embeddings.new_zeros(
        len(identities), longest, embeddings.size(1)
    )
    samples[group, rank] = embeddings[order]
    return GroupedSamples(identities, samples, counts)


def average_in_order(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """Rows after ``row <- momentum * row + (1 - momentum) * sample`` for one
    sample after another.

    Args:
        rows (Tensor): (U, D) present rows of ``groups.identities``.
    """
    counts = groups.counts[:, None]
    steps = torch.arange(groups.samples.size(1), device=rows.device)
    later = (counts - 1 - steps).clamp(min=0)
    weights = (1 - momentum) * momentum**later * (steps < counts)
    return momentum**counts * rows + torch.einsum(
        'uk,ukd->ud', weights.to(rows), groups.samples
    )


def average_in_order_normalized(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """As :func:`average_in_order`, scaling to unit length after each sample.

    The lengths depend on all samples before, so this goes through the ranks
    (first sample of every identity, second, ...).
    """
    for step, samples in enumerate(groups.samples.unbind(1)):
        moved = momentum * rows + (1 - momentum) * samples
        active = step < groups.counts[:, None]
        rows = torch.where(active, F.normalize(moved), rows)
    return rows


def average_last(
    rows: Tensor, groups: GroupedSamples, momentum: float
) -> Tensor:
    """Rows moved towards the last sample of each identity alone."""
    index = torch.arange(len(rows), device=rows.device)
    last = groups.samples[index, groups.counts - 1]
    return momentum * rows + (1 - momentum) * last
