"""Batches with a fixed share of every source, at any point of a training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
import torch
from mmdet.datasets.samplers import MultiSourceSampler
from mmdet.registry import DATA_SAMPLERS

from mmdet_ps.utils.errors import UserError

from ..permutation import shuffled
from .identity_sampler import draw, identity_groups

# Any large number that keeps the seeds of sources and turns apart.
SEED_STEP = 1_000_003
# Indices drawn as one array (8 bytes each), and read from it at a time.
LARGEST_ORDER, BLOCK = 1 << 24, 1 << 16


@DATA_SAMPLERS.register_module()
class ResumableMultiSourceSampler(MultiSourceSampler):
    """mmdet's sampler with exact shares and without replay on resume.

    ``source_ratio`` holds over time, not by rounding within each batch: a
    source that is due 0.4 images per batch comes in two batches of five. So
    there may be more sources than images in a batch, and a ratio of 0 leaves
    a source out. Ratios of several batches are used in turn:
    ``[[4, 0, 4, 0], [0, 4, 0, 4]]`` lets the first and the third source of
    four take turns with the second and the fourth. The shares of each batch
    are the same on all ranks.

    A resumed training does not load what it skips (mmengine calls
    :meth:`skip`), with any number of loader processes.

    Args:
        dataset: A concatenation of the sources.
        batch_size: Images of a batch, on each rank.
        source_ratio: Share of every source; or a list of such lists, one
            per batch.
        num_instances: K of every source: its images come in groups of K of
            one identity (P x K sampling). 1 or None: no groups.
        **kwargs: See mmdet's ``MultiSourceSampler``.

    Raises:
        UserError: ``num_instances`` does not fit the sources or the batch,
            or a source to be grouped has no identities.
    """

    skipped = 0

    def __init__(
        self,
        dataset,
        batch_size: int,
        source_ratio: list[float] | list[list[float]],
        num_instances: Sequence[int | None] | None = None,
        **kwargs,
    ) -> None:
        self.ratios = np.atleast_2d(np.array(source_ratio, dtype=float))
        source_ratio = self.ratios.sum(axis=0).tolist()
        super().__init__(dataset, batch_size, source_ratio, **kwargs)
        sizes = num_instances or [1] * len(source_ratio)
        self.num_instances = [size or 1 for size in sizes]
        if len(self.num_instances) != len(source_ratio):
            raise UserError(
                f'num_instances has {len(self.num_instances)} entries for '
                f'{len(source_ratio)} sources: give one per source'
            )
        self.groups = {
            source: self._identity_groups(source)
            for source, size in enumerate(self.num_instances)
            if size > 1
        }
        used = {
            size
            for size, share in zip(self.num_instances, source_ratio)
            if share
        }
        if 1 not in used and (len(used) > 1 or batch_size % used.pop()):
            raise UserError(
                f'batches of {batch_size} are not filled by groups of '
                f'{self.num_instances}: make num_instances equal and '
                'batch_size a multiple of it'
            )

    def _identity_groups(self, source: int) -> list[np.ndarray]:
        groups = identity_groups(
            self.dataset.datasets[source].get_person_ids()
        )
        if not groups:
            raise UserError(
                f'source {source} has no identities to group by: set its '
                'num_instances to 1'
            )
        return groups

    def skip(self, num_samples: int) -> None:
        """Begin after this many samples.

        Args:
            num_samples: What this rank had consumed; whole batches.
        """
        self.skipped = num_samples

    def _stream(self, source: int) -> Iterator[int]:
        """Endless indices of a source, of this rank."""
        if source not in self.groups:
            size = len(self.dataset.datasets[source])
            order = endless_order(size, self._seed_of(source), self.shuffle)
            yield from islice(order, self.rank, None, self.world_size)
        units = identity_units(
            self.groups[source],
            self.num_instances[source],
            np.random.default_rng([self.seed, source]),
        )
        for unit in islice(units, self.rank, None, self.world_size):
            yield from unit

    def _seed_of(self, source: int) -> int:
        """Another seed for every source of the same length.

        With one seed, image k of the one would always meet image k of the
        other.
        """
        sizes = [len(dataset) for dataset in self.dataset.datasets]
        earlier = sizes[:source].count(sizes[source])
        return self.seed + SEED_STEP * earlier

    def __iter__(self) -> Iterator[int]:
        streams = [self._stream(k) for k in range(len(self.source_ratio))]
        shares = self.ratios / self.ratios.sum(axis=1, keepdims=True)
        due = np.zeros(len(streams))
        position = 0
        for share in cycle(shares):
            due += share * self.batch_size
            counts = fill(due, self.batch_size, self.num_instances)
            due -= counts
            for source, count in enumerate(counts):
                for _ in range(count):
                    index = next(streams[source])
                    position += 1
                    if position > self.skipped:
                        yield self.cumulative_sizes[source] + index


def fill(due: np.ndarray, total: int, sizes: Sequence[int]) -> np.ndarray:
    """Decide how many images of each of S sources a batch has.

    The numbers come as near to ``due`` as they can; what rounding leaves
    open goes to the sources that are owed most.

    Args:
        due (np.ndarray): (S,) images that each source is owed by now, with
            fractions; negative where it had too many.
        total (int): Images of the batch.
        sizes (Sequence[int]): (S,) each count is a multiple of its entry.

    Returns:
        np.ndarray: (S,) counts whose sum is ``total``.
    """
    sizes = np.asarray(sizes)
    counts = np.floor((due + 1e-9) / sizes).clip(min=0).astype(int) * sizes
    if counts.sum() > total:  # large groups taken early are owed back
        counts[:] = 0
    while (left := total - counts.sum()) > 0:
        owed = np.where(sizes <= left, (due - counts) / sizes, -np.inf)
        source = int(np.argmax(owed))
        counts[source] += sizes[source]
    return counts


def identity_units(
    groups: list[np.ndarray], count: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """Endless groups of crops of one identity.

    Every identity comes once before any comes again.

    Args:
        groups (list[np.ndarray]): Indices of the crops of each identity.
        count (int): Crops of a group.
        rng (np.random.Generator): Draws order and crops.
    """
    while True:
        for identity in rng.permutation(len(groups)):
            yield draw(groups[identity], count, rng)


def endless_order(size: int, seed: int, shuffle: bool) -> Iterator[int]:
    """All indices below ``size`` in one random order after another.

    Args:
        size (int): Length of a dataset; thousands of rounds of mosaics make
            it hundreds of millions, an order of which is drawn without
            being held in memory.
        seed (int): Seed of the orders.
        shuffle (bool): Otherwise the orders are ascending.
    """
    generator = torch.Generator()
    generator.manual_seed(seed)
    for turn in itertools.count():
        if not shuffle:
            yield from range(size)
        elif size > LARGEST_ORDER:
            key = seed + SEED_STEP * turn
            yield from (shuffled(place, size, key) for place in range(size))
        else:
            order = torch.randperm(size, generator=generator)
            for block in order.split(BLOCK):
                yield from block.tolist()
