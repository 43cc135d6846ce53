"""Batches that are spread over several processes, seen as one.

Rows are always joined in rank order, so that every process computes the same
values, and the ones a single process would compute on the joined batch.
Without ``torch.distributed`` nothing is communicated. A rank that stands in
(see ``standing_in``) adds no row.
"""

import torch
import torch.nn.functional as F
from mmengine import dist
from torch import Tensor

from mmdet_ps.utils.standing_in import stands_in


def all_gather_rows(rows: Tensor) -> Tensor:
    """Join (N_r, ...) tensors of all ranks to (sum N_r, ...), no gradient.

    A rank may have no rows. Where none has any, nothing is exchanged, since
    NCCL refuses to.
    """
    rows = rows.detach()
    if dist.get_world_size() == 1:
        return rows
    if stands_in():
        rows = rows[:0]
    count = torch.tensor([len(rows)], device=rows.device)
    counts = torch.cat(dist.all_gather(count)).tolist()
    if not any(counts):
        return rows
    # all_gather wants equal shapes: pad to the longest, cut afterwards.
    padding = [0, 0] * (rows.dim() - 1) + [0, max(counts) - len(rows)]
    gathered = dist.all_gather(F.pad(rows, padding).contiguous())
    return torch.cat([part[:n] for part, n in zip(gathered, counts)])


def all_gather_live_rows(rows: Tensor) -> Tensor:
    """As :func:`all_gather_rows`, this rank's rows keeping their gradient.

    For losses that relate rows of different ranks to one another: every rank
    computes the loss of the joined batch. DistributedDataParallel averages
    the gradients, hence this rank's share counts ``world_size`` times.
    """
    world_size = dist.get_world_size()
    if world_size == 1:
        return rows
    if stands_in():
        rows = rows[:0]
    count = torch.tensor([len(rows)], device=rows.device)
    counts = torch.cat(dist.all_gather(count)).tolist()
    joined = all_gather_rows(rows)
    start = sum(counts[: dist.get_rank()])
    # The value of the rows, and world_size times their gradient.
    live = rows.detach() + world_size * (rows - rows.detach())
    return torch.cat([joined[:start], live, joined[start + len(rows) :]])


def mean_over_ranks(value: Tensor) -> Tensor:
    """Mean of a scalar over the ranks: normalising by it, each rank's loss
    averages to the loss of the joined batch."""
    value = value.detach().float().clone()
    if stands_in():
        value.zero_()
    if dist.get_world_size() > 1:
        dist.all_reduce(value, 'mean')
    return value


def shared_random_seed(device: torch.device) -> int:
    """A fresh seed, the same on every rank."""
    seed = torch.randint(2**31 - 1, (1,))
    if dist.get_world_size() > 1:
        seed = seed.to(device)
        dist.broadcast(seed)
    return int(seed)


def over_all_ranks(losses: dict, number: int, device: torch.device) -> dict:
    """Means over this rank's rows as parts of the means over all ranks'.

    Averaged over the ranks, the results are the means over all rows, however
    unevenly these are spread.

    Args:
        losses: Means, by name; names without ``loss`` stay as they are.
        number: Rows of this rank.
        device: Where the ranks communicate from.
    """
    if dist.get_world_size() == 1:
        return losses
    if stands_in():
        number = 0
    mean = mean_over_ranks(torch.tensor(number, device=device))
    part = number / mean.clamp(min=1 / dist.get_world_size())
    return {
        key: value * part if 'loss' in key else value
        for key, value in losses.items()
    }
