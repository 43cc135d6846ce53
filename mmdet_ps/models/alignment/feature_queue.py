"""The latest features of every source, for batches that lack some."""

import torch
from torch import Tensor, nn

# The source of a row that takes no part.
NO_SOURCE = -1


class FeatureQueue(nn.Module):
    """One first-in-first-out queue of features per source.

    All state lies in buffers, so that a checkpoint carries it. In distributed
    training every rank has to push what all ranks saw, so that the queues stay
    equal.

    Args:
        num_sources (int): number of queues, S.
        size (int): length of each queue, Q; 0 keeps nothing.
        channels (int): length of a feature, C.
    """

    def __init__(self, num_sources: int, size: int, channels: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer(
            'features', torch.zeros(num_sources, size, channels)
        )  # (S, Q, C)
        self.register_buffer(
            'filled', torch.zeros(num_sources, dtype=torch.long)
        )
        self.register_buffer(
            'next_slot', torch.zeros(num_sources, dtype=torch.long)
        )

    @torch.no_grad()
    def push(self, features: Tensor, sources: Tensor) -> None:
        """Append features to the queues.

        Nothing here looks at the values, so a GPU need not be waited for.

        Args:
            features (Tensor): those of all processes, in rank order, (N, C)
                float.
            sources (Tensor): queue of each, (N,) int64; NO_SOURCE for rows
                that enter none.
        """
        if self.size == 0:
            return
        features = features.to(self.features)
        members = one_hot(sources, len(self.features))  # (N, S)
        counts = members.sum(dim=0)
        queue = sources.clamp(min=0)
        place = torch.arange(len(sources), device=sources.device)
        rank = members.cumsum(dim=0)[place, queue] - 1  # within its source
        # Of more rows than the queue is long, the last ones stay.
        enters = (sources != NO_SOURCE) & (rank >= counts[queue] - self.size)
        slot = (self.next_slot[queue] + rank) % self.size
        slot = torch.where(
            enters, queue * self.size + slot, self.features[..., 0].numel()
        )
        # What enters no queue goes into a row that is dropped again.
        slots = self.features.flatten(0, 1)
        slots = torch.cat([slots, slots.new_zeros(1, slots.shape[1])])
        slots[slot] = features
        self.features.copy_(slots[:-1].view_as(self.features))
        self.next_slot.copy_((self.next_slot + counts) % self.size)
        self.filled.copy_((self.filled + counts).clamp(max=self.size))

    def rows(self) -> tuple[Tensor, Tensor]:
        """All slots, the empty ones included.

        Returns:
            tuple[Tensor, Tensor]: features (S * Q, C) float32, and their
            sources (S * Q,) int64, where an empty slot has NO_SOURCE.
        """
        slots = torch.arange(self.size, device=self.filled.device)
        queues = torch.arange(len(self.filled), device=self.filled.device)
        sources = torch.where(
            slots < self.filled[:, None], queues[:, None], NO_SOURCE
        )
        return self.features.flatten(0, 1), sources.flatten()


def one_hot(sources: Tensor, num_sources: int) -> Tensor:
    """Sources (N,) as (N, num_sources) int64; NO_SOURCE is a row of zeros."""
    queues = torch.arange(num_sources, device=sources.device)
    return (sources[:, None] == queues).long()
