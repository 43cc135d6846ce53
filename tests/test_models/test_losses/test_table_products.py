"""Products with a table that moves before their gradient is taken."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import OIMLoss
from mmdet_ps.models.losses.identity_memory import IdentityMemory
from tests.largest_tensor import LargestTensor


def filled_memory(normalize):
    memory = IdentityMemory(6, 3, 4, normalize_reads=normalize)
    memory.lookup_table.copy_(torch.randn(6, 4))
    memory.lookup_table[5] = 0
    memory.queue.copy_(torch.randn(3, 4))
    return memory


@pytest.mark.parametrize('normalize', [False, True])
def test_gradients_are_those_of_the_memory_at_the_time(normalize):
    torch.manual_seed(0)
    memory = filled_memory(normalize)
    embeddings = torch.randn(5, 4, requires_grad=True)
    expected = torch.zeros(5, 4)
    losses = []
    # Person 2 moves after each of the products, another after one alone.
    for ids in ([2, 0, -1, 2, 1], [2, 5, 3, -1, -2]):
        rows = torch.cat([memory.lookup_table, memory.queue])
        rows = F.normalize(rows) if normalize else rows
        products = torch.cat(memory.similarities(embeddings), dim=1)
        torch.testing.assert_close(products, embeddings @ rows.t())
        weights = torch.randn_like(products)
        losses.append((products * weights).sum())
        expected += weights @ rows
        memory.update(torch.randn(5, 4), torch.tensor(ids))
    sum(losses).backward()
    torch.testing.assert_close(embeddings.grad, expected)


def test_nothing_is_kept_of_a_graph_that_is_gone():
    memory = filled_memory(False)
    known, _ = memory.similarities(torch.randn(2, 4, requires_grad=True))
    assert len(memory._reads._open) == 1
    del known
    assert len(memory._reads._open) == 0


@pytest.mark.parametrize(
    'copy_of', [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))]
)
def test_a_copy_keeps_nothing_either(copy_of):
    memory = filled_memory(False)
    known, _ = memory.similarities(torch.randn(2, 4, requires_grad=True))
    copied = copy_of(memory)
    assert copied.lookup_table.equal(memory.lookup_table)
    for _ in range(3):
        copied.similarities(torch.randn(2, 4, requires_grad=True))
    # The set itself, as its length leaves out what is dead.
    assert len(copied._reads._open.data) == 0


@pytest.mark.parametrize('normalize', [False, True])
def test_a_step_never_makes_a_second_table(normalize):
    table = 5000 * 64
    loss = OIMLoss(
        5000,
        8,
        64,
        memory=dict(normalize_reads=normalize, normalize_table=True),
    )
    loss.memory.lookup_table.normal_()
    embeddings = torch.randn(6, 64, requires_grad=True)
    with LargestTensor() as largest:
        loss(embeddings, torch.tensor([3, 4999, 3, 7, -1, 0])).backward()
    # Five labelled rows of logits, one for each person and slot.
    assert 5 * 5000 <= largest.number < table / 10
    assert embeddings.grad.abs().sum() > 0
