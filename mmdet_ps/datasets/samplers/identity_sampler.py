"""P x K sampling: P identities with K crops each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmdet_ps.utils.errors import UserError


@DATA_SAMPLERS.register_module()
class IdentitySampler(Sampler):
    """An epoch of batches that hold P identities with K crops each.

    Nearly every crop of a labelled identity is seen once; where an identity
    lacks crops to fill its last group, some are seen again. The identities of
    a batch all differ.

    Args:
        dataset: A dataset with ``get_person_ids``.
        batch_size: P * K, images of a batch on each rank.
        num_instances: K, crops of an identity in a batch.
        seed: Seed; the runner passes its own.

    Raises:
        UserError: ``batch_size`` is no multiple of ``num_instances``, or
            there are fewer than P identities.
    """

    def __init__(
        self,
        dataset,
        batch_size: int,
        num_instances: int = 4,
        seed: int | None = None,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.num_instances = num_instances
        self.num_identities, rest = divmod(batch_size, num_instances)
        self.groups = self.find_groups(dataset)
        if rest or len(self.groups) < self.num_identities:
            raise UserError(
                f'batches of {batch_size} with {num_instances} crops per '
                f'identity out of {len(self.groups)} identities: the first '
                'must be a multiple of the second, and there must be enough '
                'identities'
            )
        chunks = sum(-(-len(g) // num_instances) for g in self.groups)
        per_step = self.num_identities * self.world_size
        self.num_batches = max(1, chunks // per_step)

    @staticmethod
    def find_groups(dataset) -> list[np.ndarray]:
        """Indices of the crops of each labelled identity."""
        return identity_groups(dataset.get_person_ids())

    def __iter__(self) -> Iterator[int]:
        """Indices of this rank; each run of P * K is a batch."""
        rng = np.random.default_rng([self.seed, self.epoch])
        batches = self._batches(rng)
        for step in range(self.num_batches * self.world_size):
            batch = next(batches)
            if step % self.world_size == self.rank:
                yield from batch

    def _batches(self, rng: np.random.Generator) -> Iterator[list[int]]:
        waiting = [self._chunks(group, rng) for group in self.groups]
        left = np.array([len(chunks) for chunks in waiting], float)
        while True:
            # Without replacement, in proportion to the crops still left, so
            # that identities with many do not pile up at the end (Gumbel).
            chance = np.log(left + 1e-9) + rng.gumbel(size=len(left))
            batch: list[int] = []
            for identity in np.argsort(-chance)[: self.num_identities]:
                if waiting[identity]:
                    batch += waiting[identity].pop()
                    left[identity] -= 1
                else:
                    batch += draw(
                        self.groups[identity], self.num_instances, rng
                    )
            yield batch

    def _chunks(
        self, group: np.ndarray, rng: np.random.Generator
    ) -> list[list[int]]:
        count = -(-len(group) // self.num_instances) * self.num_instances
        members = draw(group, count, rng)
        return [
            members[k : k + self.num_instances]
            for k in range(0, count, self.num_instances)
        ]

    def __len__(self) -> int:
        return self.num_batches * self.num_identities * self.num_instances

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the order of the next pass belongs to."""
        self.epoch = epoch


def draw(group: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Draw members of a group, repeated only where it has too few.

    Args:
        group (np.ndarray): (N,) indices, N at least 1.
        count (int): How many are drawn.
        rng (np.random.Generator): Draws them.
    """
    rounds = -(-count // len(group))
    drawn = np.concatenate([rng.permutation(group) for _ in range(rounds)])
    return drawn[:count].tolist()


def identity_groups(person_ids: np.ndarray) -> list[np.ndarray]:
    """Group crops by their identity.

    Args:
        person_ids (np.ndarray): (N,) identities, negative where unlabelled.

    Returns:
        list[np.ndarray]: Indices of the crops of each labelled identity, in
        ascending order of the identities.
    """
    person_ids = np.asarray(person_ids)
    labelled = np.flatnonzero(person_ids >= 0)
    order = labelled[np.argsort(person_ids[labelled], kind='stable')]
    starts = np.flatnonzero(np.diff(person_ids[order])) + 1
    return np.split(order, starts) if len(order) else []
