"""Batches that know their number in the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import Sampler

from mmdet_ps.utils.randomness import seed_all

DATA, MODEL = 0, 1


@dataclass
class SeededBatch:
    """Indices of a batch; asking for them seeds the process that asks.

    That is the loader process which is about to load them: what a loader
    process draws then depends on the batch alone, not on which process loads
    it or what that process has loaded before.

    Attributes:
        indices: Indices of the samples.
        seeds: Numbers from which the seed is made.
    """

    indices: Sequence[int]
    seeds: tuple[int, ...]

    def __iter__(self) -> Iterator[int]:
        seed_all(*self.seeds)
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


class NumberedBatches:
    """The batches of a batch sampler, counted through the whole training.

    Args:
        batches: The batch sampler of a loader.
        seeds: Numbers to seed the loading of a batch by, together with its
            own; None leaves the batches as they are.

    Attributes:
        number: Number of the next batch, from the start of the training.
        skipped: How many batches the next iteration leaves out.
    """

    def __init__(
        self, batches: Sampler, seeds: tuple[int, ...] | None = None
    ) -> None:
        self.batches = batches
        self.seeds = seeds
        self.number = 0
        self.skipped = 0

    def __iter__(self) -> Iterator[Sequence[int] | SeededBatch]:
        skipped, self.skipped = self.skipped, 0
        for place, indices in enumerate(self.batches):
            if place < skipped:
                continue
            number, self.number = self.number, self.number + 1
            if self.seeds is None:
                yield indices
            else:
                yield SeededBatch(indices, (*self.seeds, number, DATA))

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str):
        # Hooks and loops ask a batch sampler for its sampler and its size.
        return getattr(self.__dict__['batches'], name)
