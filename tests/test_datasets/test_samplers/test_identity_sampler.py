"""P x K batches."""

from collections import Counter

import numpy as np
import pytest

from mmdet_ps.datasets.samplers import IdentitySampler

from .labelled_sources import Source

IDS = np.repeat(np.arange(20), 8).tolist() + [-1] * 9


def epoch(sampler, size=8):
    indices = list(sampler)
    return [indices[k : k + size] for k in range(0, len(indices), size)]


def test_batches_hold_p_identities_with_k_crops():
    sampler = IdentitySampler(Source(IDS), 8, num_instances=2, seed=0)
    batches = epoch(sampler)
    assert len(sampler) == len(batches) * 8 == 160
    for batch in batches:
        counts = Counter(IDS[i] for i in batch)
        assert len(counts) == 4
        assert set(counts.values()) == {2}
        assert min(counts) >= 0


def test_an_epoch_shows_nearly_every_crop():
    sampler = IdentitySampler(Source(IDS), 8, num_instances=2, seed=0)
    assert len({i for b in epoch(sampler) for i in b}) > 0.9 * 160


def test_an_identity_with_too_few_crops_repeats_them():
    source = Source([0, 1, 1, 2, 2, 2, 2])
    sampler = IdentitySampler(source, 8, num_instances=4, seed=0)
    for batch in epoch(sampler):
        ids = source.person_ids[batch]
        assert (np.bincount(ids)[np.unique(ids)] == 4).all()
        assert Counter(i for i in batch if ids[batch.index(i)] == 2) in (
            Counter(), Counter([3, 4, 5, 6]))  # fmt: skip


def test_epochs_differ_and_repeat():
    sampler = IdentitySampler(Source(IDS), 8, num_instances=2, seed=0)
    first = list(sampler)
    assert first == list(sampler)
    sampler.set_epoch(1)
    assert first != list(sampler)


def test_ranks_take_turns(monkeypatch):
    whole = epoch(IdentitySampler(Source(IDS), 8, num_instances=2, seed=0))
    name = 'mmdet_ps.datasets.samplers.identity_sampler.get_dist_info'
    for rank in range(2):
        monkeypatch.setattr(name, lambda rank=rank: (rank, 2))
        sampler = IdentitySampler(Source(IDS), 8, num_instances=2, seed=0)
        assert epoch(sampler) == whole[rank::2]


def test_too_few_identities_is_an_error():
    with pytest.raises(ValueError, match='enough identities'):
        IdentitySampler(Source([0, 0, 1, 1]), 8, num_instances=2)
