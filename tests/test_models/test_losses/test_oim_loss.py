"""OIMLoss against numbers computed by hand and a slow reference."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import OIMLoss
from mmdet_ps.structures.fields import IGNORED, UNLABELLED

# Four unit rows: two samples of person 0, one of person 2, one stranger.
EMBEDDINGS = torch.tensor(
    [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]]
)
PERSON_IDS = torch.tensor([0, 0, 2, UNLABELLED])


def small_loss(reduction='positives', normalize_table=False, **kwargs):
    options = dict(temperature=10.0, gamma=2.0, reduction=reduction)
    options.update(kwargs)
    return OIMLoss(
        3,
        2,
        4,
        memory=dict(queue_dims=2, normalize_table=normalize_table),
        **options,
    )


@pytest.mark.parametrize(
    'reduction, first, second',
    [
        ('positives', 0.772530, 0.601079),
        ('labelled', 1.030040, 0.801438),
    ],
)
def test_two_steps_computed_by_hand(reduction, first, second):
    loss = small_loss(reduction)
    assert loss(EMBEDDINGS, PERSON_IDS).item() == pytest.approx(
        first, abs=1e-5
    )
    memory = loss.memory
    expected = torch.tensor([[0.25, 0.5, 0, 0], [0] * 4, [0, 0, 0.5, 0]])
    torch.testing.assert_close(memory.lookup_table, expected)
    torch.testing.assert_close(
        memory.queue, torch.tensor([[0.5, 0.5, 0, 0], [0] * 4])
    )
    assert memory.tail == 1 and memory.count == 1
    assert loss(EMBEDDINGS, PERSON_IDS).item() == pytest.approx(
        second, abs=1e-5
    )


def test_normalized_table_computed_by_hand():
    loss = small_loss(normalize_table=True)
    loss(EMBEDDINGS, PERSON_IDS)
    root = math.sqrt(0.5)
    expected = torch.tensor([[root, root, 0, 0], [0] * 4, [0, 0, 1, 0]])
    torch.testing.assert_close(loss.memory.lookup_table, expected)


def test_gradient_is_that_of_the_memory_before_the_update():
    torch.manual_seed(0)
    loss = OIMLoss(5, 4, 8, temperature=7, queue_temperature=3, gamma=2)
    loss.memory.lookup_table.copy_(torch.randn(5, 8))
    loss.memory.queue.copy_(torch.randn(4, 8))
    embeddings = F.normalize(torch.randn(6, 8)).requires_grad_()
    ids = torch.tensor([4, -1, 2, 4, -1, 0])
    table, queue = loss.memory.lookup_table.clone(), loss.memory.queue.clone()
    value = loss(embeddings, ids)
    value.backward()

    reference = embeddings.detach().clone().requires_grad_()
    unit = F.normalize(reference)
    logits = torch.cat([7 * unit @ table.t(), 3 * unit @ queue.t()], 1)
    probability = logits.softmax(1)[torch.arange(6), ids.clamp(min=0)]
    each = -((1 - probability) ** 2) * probability.log()
    expected = each[ids >= 0].mean()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(embeddings.grad, reference.grad)


def test_cross_entropy_when_gamma_is_zero():
    torch.manual_seed(0)
    loss = OIMLoss(5, 4, 8, temperature=30)
    loss.memory.lookup_table.copy_(F.normalize(torch.randn(5, 8)))
    embeddings = F.normalize(torch.randn(3, 8))
    logits = 30 * torch.cat(
        [embeddings @ loss.memory.lookup_table.t(), torch.zeros(3, 4)], 1
    )
    ids = torch.tensor([1, 1, 3])
    torch.testing.assert_close(
        loss(embeddings, ids), F.cross_entropy(logits, ids)
    )


@pytest.mark.parametrize('ids', [[], [UNLABELLED, UNLABELLED], [IGNORED] * 2])
@pytest.mark.parametrize('reduction', ['labelled', 'positives'])
def test_nobody_labelled_gives_a_zero_with_a_gradient(ids, reduction):
    loss = small_loss(reduction)
    embeddings = torch.randn(len(ids), 4, requires_grad=True)
    value = loss(embeddings, torch.tensor(ids, dtype=torch.long))
    value.backward()
    assert value == 0
    assert embeddings.grad.abs().sum() == 0
    assert loss.memory.count == sum(i == UNLABELLED for i in ids)


def test_ignored_rows_count_nowhere():
    plain, padded = small_loss(), small_loss()
    with_ignored = torch.cat([torch.randn(2, 4), EMBEDDINGS])
    ids = torch.cat([torch.tensor([IGNORED] * 2), PERSON_IDS])
    assert plain(EMBEDDINGS, PERSON_IDS) == padded(with_ignored, ids)
    torch.testing.assert_close(plain.memory.queue, padded.memory.queue)


def test_queue_first_lets_the_strangers_of_the_batch_compete():
    after, before = small_loss(), small_loss(queue_first=True)
    embeddings = F.normalize(EMBEDDINGS + 0.1)
    for loss in (after, before):
        loss.memory.lookup_table.copy_(torch.eye(4)[:3])
    assert before(embeddings, PERSON_IDS) > after(embeddings, PERSON_IDS)
    torch.testing.assert_close(after.memory.queue, before.memory.queue)


def test_evaluation_mode_leaves_the_memory_alone():
    loss = small_loss().eval()
    loss(EMBEDDINGS, PERSON_IDS)
    assert loss.memory.lookup_table.abs().sum() == 0


def test_an_identity_beyond_the_table_is_refused():
    with pytest.raises(ValueError, match='num_identities'):
        small_loss()(EMBEDDINGS, torch.tensor([0, 0, 3, -1]))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_keeps_memory_and_loss_in_single_precision(dtype):
    loss = small_loss()
    with torch.autocast('cpu', dtype=dtype):
        value = loss(EMBEDDINGS.to(dtype).requires_grad_(), PERSON_IDS)
        value.backward()
    assert value.dtype == loss.memory.lookup_table.dtype == torch.float32
    assert value.item() == pytest.approx(0.772530, abs=1e-5)


def test_memory_travels_in_the_checkpoint():
    loss, resumed = small_loss(), small_loss()
    loss(EMBEDDINGS, PERSON_IDS)
    resumed.load_state_dict(loss.state_dict())
    assert loss(EMBEDDINGS, PERSON_IDS) == resumed(EMBEDDINGS, PERSON_IDS)
    assert resumed.memory.tail == 0  # two slots, two strangers
