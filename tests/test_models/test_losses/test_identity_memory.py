"""IdentityMemory against a slow reference, one sample after another."""

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import IdentityMemory
from mmdet_ps.structures.fields import IGNORED


class SlowMemory:
    """The definition: a Python loop over samples, in their order."""

    def __init__(self, table, queue, normalize, queue_dims, momentum=0.5):
        self.table, self.queue, self.tail = table.clone(), queue.clone(), 0
        self.normalize, self.dims = normalize, queue_dims
        self.momentum = momentum

    def update(self, embeddings, ids):
        for sample, i in zip(embeddings, ids.tolist()):
            if i >= 0:
                row = self.momentum * self.table[i]
                row = row + (1 - self.momentum) * sample
                self.table[i] = (
                    F.normalize(row, dim=0) if self.normalize else row
                )
            elif i == -1 and len(self.queue):
                self.queue[self.tail, : self.dims] = sample[: self.dims]
                self.tail = (self.tail + 1) % len(self.queue)


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize(
    'queue_size, queue_dims', [(7, 3), (50, None), (0, None)]
)
@pytest.mark.parametrize('momentum', [0.5, 0.9])
def test_vectorised_equals_sequential(
    normalize, queue_size, queue_dims, momentum
):
    torch.manual_seed(1)
    memory = IdentityMemory(6, queue_size, 8, momentum, normalize, queue_dims)
    memory.lookup_table.copy_(F.normalize(torch.randn(6, 8)))
    slow = SlowMemory(
        memory.lookup_table, memory.queue, normalize, queue_dims, momentum
    )
    for number in (40, 0, 1, 25):
        embeddings = F.normalize(torch.randn(number, 8))
        ids = torch.randint(-2, 6, (number,))
        memory.update(embeddings, ids)
        slow.update(embeddings, ids)
        torch.testing.assert_close(memory.lookup_table, slow.table)
        torch.testing.assert_close(memory.queue, slow.queue)
        assert memory.tail == slow.tail


def test_last_sample_alone_counts_when_asked():
    memory = IdentityMemory(2, 0, 2, table_update='last', normalize_table=True)
    memory.lookup_table[1] = torch.tensor([1.0, 0])
    memory.update(
        torch.tensor([[1.0, 0], [-1, 0], [0, 1]]), torch.tensor([0, 1, 1])
    )
    root = 0.5**0.5
    torch.testing.assert_close(
        memory.lookup_table, torch.tensor([[1.0, 0], [root, root]])
    )


def test_slots_never_written_can_be_left_out():
    memory = IdentityMemory(1, 3, 2, filled_only=True)
    memory.update(torch.tensor([[0.0, 1], [1, 0]]), torch.tensor([-1, 0]))
    known, strangers = memory.similarities(torch.tensor([[0.0, 2]]))
    assert known.tolist() == [[0.0]]
    assert strangers.tolist() == [[2.0, -float('inf'), -float('inf')]]


def test_reads_can_be_normalised():
    memory = IdentityMemory(1, 0, 2, normalize_reads=True)
    memory.update(torch.tensor([[0.6, 0.8]]), torch.tensor([0]))
    known, _ = memory.similarities(torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(known, torch.ones(1, 1))


def test_broken_rows_never_enter():
    memory = IdentityMemory(2, 2, 2)
    broken = torch.tensor([[float('nan'), 0], [float('inf'), 1], [1, 0]])
    memory.update(broken, torch.tensor([0, -1, 1]))
    assert memory.lookup_table.tolist() == [[0, 0], [0.5, 0]]
    assert memory.count == 0


def test_ignored_rows_change_nothing():
    memory = IdentityMemory(2, 2, 2)
    memory.update(torch.ones(3, 2), torch.full((3,), IGNORED))
    assert memory.lookup_table.abs().sum() + memory.queue.abs().sum() == 0


def test_a_misspelt_rule_is_refused():
    with pytest.raises(ValueError, match='in-order'):
        IdentityMemory(1, 1, 1, table_update='sequential')
