"""The latest features of every source, for batches that lack some."""

import torch
from torch import Tensor, nn

from ..losses.distributed import all_gather_rows


class FeatureQueue(nn.Module):
    """One first-in-first-out queue of features per source.

    All state lies in buffers, so that a checkpoint carries it. In
    distributed training every rank pushes what all ranks saw, in rank order,
    so that the queues stay equal.

    Args:
        num_sources: Number of queues.
        size: Length of each queue; 0 keeps nothing.
        channels: Length of a feature.
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
        """Append features (N, C) to the queues of their sources (N,)."""
        if self.size == 0:
            return
        features = all_gather_rows(features)
        sources = all_gather_rows(sources)
        for source in range(len(self.features)):
            rows = features[sources == source].to(self.features)
            # Of more rows than the queue is long, the last ones stay.
            skipped = max(0, len(rows) - self.size)
            start = int(self.next_slot[source]) + skipped
            slots = torch.arange(
                start, start + len(rows) - skipped, device=rows.device
            )
            self.features[source, slots % self.size] = rows[skipped:]
            self.next_slot[source] = (
                self.next_slot[source] + len(rows)
            ) % self.size
            self.filled[source] = torch.clamp(
                self.filled[source] + len(rows), max=self.size
            )

    def rows(self) -> tuple[Tensor, Tensor]:
        """All stored features (M, C) and their sources (M,)."""
        slots = torch.arange(self.size, device=self.filled.device)
        sources, slots = torch.nonzero(
            slots < self.filled[:, None], as_tuple=True
        )
        return self.features[sources, slots], sources
