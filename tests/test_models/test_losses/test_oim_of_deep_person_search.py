"""OIM with the options of deep-person-search, beside plain loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import OIMLoss
from tests.test_models.two_stage import model_config

IDENTITIES, QUEUE, DIMS = 6, 4, 3


@pytest.fixture
def loss():
    cfg = dict(model_config('oim_r50-c4').roi_head.loss_reid)
    cfg.pop('type')
    cfg.update(num_identities=IDENTITIES, queue_size=QUEUE, embed_dims=DIMS)
    return OIMLoss(**cfg)


class SlowReference:
    """Table and queue as plain lists, one sample after another."""

    def __init__(self):
        self.table = [torch.zeros(DIMS) for _ in range(IDENTITIES)]
        self.queue = []

    def step(self, embeddings, ids):
        """Loss of a batch, and the update."""
        units = [F.normalize(e, dim=0) for e in embeddings]
        strangers = [u for u, i in zip(units, ids) if i == -1]
        self.queue = (self.queue + strangers)[-QUEUE:]
        rows = [F.normalize(row, dim=0) for row in self.table] + self.queue
        losses = []
        for unit, i in zip(units, ids):
            if i >= 0:
                logits = [30 * float(unit @ row) for row in rows]
                total = sum(math.exp(v) for v in logits)
                losses.append(math.log(total) - logits[i])
        last = {i: u for u, i in zip(units, ids) if i >= 0}
        for i, unit in last.items():
            self.table[i] = F.normalize(
                0.5 * self.table[i] + 0.5 * unit, dim=0
            )
        return 0.5 * sum(losses) / max(len(losses), 1)


BATCHES = [
    [0, -1, 3, -2],
    [0, 0, -1, -1, 5],  # an identity twice
    [-1, -1, -1],  # nobody labelled, the queue wraps
    [-2, -2],  # background alone
    [],  # no RoI
    [3, 0, -1, -2, -1],
]


def test_agrees_with_plain_loops(loss):
    generator = torch.Generator().manual_seed(0)
    reference = SlowReference()
    for ids in BATCHES:
        embeddings = torch.randn(len(ids), DIMS, generator=generator)
        actual = loss(embeddings, torch.tensor(ids, dtype=torch.long))
        assert float(actual) == pytest.approx(
            reference.step(embeddings, ids), rel=1e-4, abs=1e-6
        )
    torch.testing.assert_close(
        loss.memory.lookup_table, torch.stack(reference.table)
    )
    # Our queue is circular: the oldest row is the next to be overwritten.
    ordered = loss.memory.queue.roll(-int(loss.memory.tail), dims=0)
    torch.testing.assert_close(ordered, torch.stack(reference.queue))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite(loss, dtype):
    embeddings = (1e3 * torch.randn(5, DIMS)).to(dtype).requires_grad_()
    value = loss(embeddings, torch.tensor([0, 0, -1, -2, 3]))
    value.backward()
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert embeddings.grad.isfinite().all()
    assert loss.memory.lookup_table.isfinite().all()


@pytest.mark.parametrize('ids', [[-1, -1], [-2, -2], []])
def test_nobody_labelled_is_a_zero_with_gradients(loss, ids):
    embeddings = torch.randn(len(ids), DIMS, requires_grad=True)
    value = loss(embeddings, torch.tensor(ids, dtype=torch.long))
    assert value == 0
    value.backward()
    assert int(loss.memory.count) == ids.count(-1)


def test_positions_survive_a_checkpoint(loss):
    loss(torch.randn(3, DIMS), torch.tensor([-1, -1, 2]))
    state = loss.state_dict()
    other = OIMLoss(IDENTITIES, QUEUE, DIMS)
    other.load_state_dict(state)
    assert int(other.memory.count) == 2
    assert int(other.memory.tail) == 2
