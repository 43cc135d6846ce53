import tracemalloc
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset

from mmdet_ps.datasets.samplers import ResumableMultiSourceSampler

from .labelled_sources import Sources

SIZES = (7, 50, 20)


def sampler(batch_size, ratio, seed=3):
    dataset = ConcatDataset([range(size) for size in SIZES])
    return ResumableMultiSourceSampler(dataset, batch_size, ratio, seed=seed)


def sources(indices):
    bounds = (SIZES[0], SIZES[0] + SIZES[1])
    return [sum(index >= bound for bound in bounds) for index in indices]


def test_every_batch_has_the_shares():
    stream = iter(sampler(8, [2, 5, 1]))
    for _ in range(10):
        batch = sources(islice(stream, 8))
        assert Counter(batch) == {0: 2, 1: 5, 2: 1}


def test_shares_hold_over_time_where_a_batch_is_too_small():
    stream = iter(sampler(2, [1, 1, 3]))
    counts = Counter(sources(islice(stream, 2 * 100)))
    assert counts == {0: 40, 1: 40, 2: 120}


def test_ratios_of_several_batches_take_turns():
    stream = iter(sampler(6, [[2, 0, 1], [0, 1, 1]]))
    for _ in range(5):
        assert Counter(sources(islice(stream, 6))) == {0: 4, 2: 2}
        assert Counter(sources(islice(stream, 6))) == {1: 3, 2: 3}


def test_ratios_of_unequal_length_are_an_error():
    with pytest.raises(ValueError, match='inhomogeneous'):
        sampler(6, [[2, 0, 1], [0, 1]])


def test_a_ratio_of_zero_leaves_a_source_out():
    stream = iter(sampler(4, [0, 1, 1]))
    assert Counter(sources(islice(stream, 40))) == {1: 20, 2: 20}


def test_each_source_is_shuffled_without_repetition():
    stream = iter(sampler(3, [1, 1, 1]))
    first = [i for i in islice(stream, 3 * 7) if i < 7]
    assert sorted(first) == list(range(7)) and first != sorted(first)


@pytest.mark.parametrize('batches', [1, 5, 33])
def test_skipping_continues_the_same_stream(batches):
    unbroken = list(islice(iter(sampler(3, [1, 1, 3])), 3 * 60))
    resumed = sampler(3, [1, 1, 3])
    resumed.skip(3 * batches)
    stream = iter(resumed)
    assert (
        list(islice(stream, 3 * 10))
        == unbroken[3 * batches : 3 * (batches + 10)]
    )


def test_ranks_share_the_data(monkeypatch):
    seen = []
    for rank in (0, 1):
        monkeypatch.setattr(
            'mmdet.datasets.samplers.multi_source_sampler.get_dist_info',
            lambda rank=rank: (rank, 2),
        )
        stream = iter(sampler(4, [0, 0, 1]))
        seen.append(set(islice(stream, 10)))
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == SIZES[2]


IDS = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 3, -1]


def grouped(batch_size, ratio, num_instances):
    return ResumableMultiSourceSampler(
        Sources([-1] * 7, IDS, IDS), batch_size, ratio, num_instances, seed=3
    )


def test_groups_hold_one_identity():
    stream = iter(grouped(8, [2, 1, 1], [None, 2, 2]))
    for _ in range(20):
        batch = list(islice(stream, 8))
        assert sum(index < 7 for index in batch) == 4
        for first in (4, 6):
            one, other = ((i - 7) % 12 for i in batch[first : first + 2])
            assert IDS[one] == IDS[other] >= 0
            # Different crops where the identity has more than one.
            assert one != other or IDS[one] == 3


def test_shares_of_groups_hold_over_time():
    stream = iter(grouped(4, [2, 1, 1], [1, 4, 2]))
    drawn = list(islice(stream, 4 * 80))
    counts = Counter(sum(i >= bound for bound in (7, 19)) for i in drawn)
    assert counts == {0: 160, 1: 80, 2: 80}


def test_skipping_continues_groups():
    unbroken = list(islice(iter(grouped(8, [2, 1, 1], [1, 2, 2])), 8 * 20))
    resumed = grouped(8, [2, 1, 1], [1, 2, 2])
    resumed.skip(8 * 7)
    assert list(islice(iter(resumed), 8 * 13)) == unbroken[8 * 7 :]


@pytest.mark.parametrize(('arguments', 'message'), [
    ((6, [0, 1, 1], [1, 4, 4]), 'batch_size a multiple'),
    ((8, [0, 1, 1], [1, 4, 2]), 'make num_instances equal'),
    ((8, [1, 1, 1], [2, 1, 1]), 'no identities'),
    ((8, [1, 1, 1], [1, 2]), 'one per source'),
])  # fmt: skip
def test_impossible_groups_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        grouped(*arguments)


def test_sources_of_one_length_have_orders_of_their_own():
    dataset = ConcatDataset([range(100)] * 3)
    drawn = ResumableMultiSourceSampler(dataset, 3, [1, 1, 1], seed=3)
    batches = np.array(list(islice(drawn, 3 * 100))).reshape(100, 3) % 100
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # Two independent orders agree in one place on average.
        assert (batches[:, one] == batches[:, other]).sum() < 6
        assert sorted(batches[:, other]) == list(range(100))


def test_a_length_of_its_own_keeps_the_order_of_the_seed():
    streams = [[], [], []]
    for index in islice(sampler(3, [1, 1, 1]), 3 * 7):
        streams[sources([index])[0]].append(index)
    generator = torch.Generator().manual_seed(3)
    want = torch.randperm(SIZES[0], generator=generator).tolist()
    assert streams[0] == want


def test_a_source_of_a_billion_costs_no_memory():
    dataset = ConcatDataset([range(10**9), range(5)])
    stream = ResumableMultiSourceSampler(dataset, 2, [1, 1], seed=3)
    tracemalloc.start()
    drawn = list(islice(stream, 2 * 2000))[::2]
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()
    assert len(set(drawn)) == 2000
    assert np.std(np.array(drawn) / 10**9) > 0.25  # all over the source
