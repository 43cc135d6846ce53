"""OIMLoss against numbers computed by hand and a slow reference."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import OIMLoss
from mmdet_ps.models.losses.oim_loss import draw_identities
from mmdet_ps.structures.fields import IGNORED, UNLABELLED
from mmdet_ps.utils.errors import UserError

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


def filled(sampled, normalize_reads=False, identities=12):
    """A loss whose memory holds random persons, and a batch for it."""
    draw = torch.Generator().manual_seed(0)
    loss = OIMLoss(
        identities,
        3,
        4,
        temperature=5.0,
        gamma=2.0,
        sampled_negatives=sampled,
        memory=dict(normalize_reads=normalize_reads),
    )
    for rows in (loss.memory.lookup_table, loss.memory.queue):
        rows.copy_(torch.randn(rows.shape, generator=draw))
    embeddings = torch.randn(5, 4, generator=draw).requires_grad_()
    return loss, embeddings, torch.tensor([7, UNLABELLED, 2, 7, IGNORED])


@pytest.mark.parametrize('normalize_reads', [False, True])
def test_as_many_negatives_as_there_are_make_the_whole_loss(normalize_reads):
    answers = []
    for sampled in (None, 11):
        loss, embeddings, ids = filled(sampled, normalize_reads)
        value = loss(embeddings, ids)
        value.backward()
        answers.append(
            (value, embeddings.grad, loss.accuracy, loss.memory.lookup_table)
        )
    torch.testing.assert_close(*answers)


def test_sampled_negatives_make_a_smaller_softmax(monkeypatch):
    """Value and gradient against a softmax written out over the drawn rows,
    although the table moves on before the gradient is taken."""
    loss, embeddings, ids = filled(3)
    drawn = torch.tensor([0, 2, 5, 7, 11])
    monkeypatch.setattr(
        'mmdet_ps.models.losses.oim_loss.draw_identities',
        lambda person_ids, total, negatives: drawn,
    )
    table = loss.memory.lookup_table.clone()
    rows = torch.cat([table[drawn], loss.memory.queue.clone()])
    value = loss(embeddings, ids)
    assert not torch.equal(table, loss.memory.lookup_table)
    found = torch.autograd.grad(value, embeddings)
    terms = []
    for row, place in ((0, 3), (2, 1), (3, 3)):
        logits = 5 * (rows @ F.normalize(embeddings[row], dim=0))
        p = logits.exp()[place] / logits.exp().sum()
        terms.append(-((1 - p) ** 2) * p.log())
    expected = sum(terms) / 3
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        found, torch.autograd.grad(expected, embeddings)
    )


def test_drawn_identities_hold_the_batch_and_others_alike():
    torch.manual_seed(0)
    ids, total, negatives, draws = torch.tensor([4, 9, 4]), 20, 6, 4000
    counts = torch.zeros(total)
    for _ in range(draws):
        drawn = draw_identities(ids, total, negatives)
        # The second 4 of the batch makes room for a seventh.
        assert len(drawn.unique()) == len(drawn) == 9
        assert bool((drawn.diff() > 0).all())
        counts[drawn] += 1
    assert counts[4] == counts[9] == draws
    others = counts[[i for i in range(total) if i not in (4, 9)]]
    share = 7 / 18
    error = math.sqrt(draws * share * (1 - share))
    assert float((others - draws * share).abs().max()) < 5 * error


def test_a_batch_without_identities_draws_all_the_same():
    loss, embeddings, ids = filled(3)
    value = loss(embeddings, torch.full_like(ids, UNLABELLED))
    value.backward()
    assert value == 0 and bool((embeddings.grad == 0).all())


def test_no_negatives_are_refused():
    with pytest.raises(UserError, match='sampled_negatives is 0'):
        filled(0)
