"""MemoryTripletLoss against numbers computed by hand."""

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import IdentityMemory, MemoryTripletLoss

from .test_oim_loss import EMBEDDINGS, PERSON_IDS


@pytest.mark.parametrize(
    'normalize, hinges',
    [(False, [0.596180, 0.596180, 0, 0]), (True, [0.3, 0.3, 0, 0])],
)
def test_two_steps_computed_by_hand(normalize, hinges):
    loss = MemoryTripletLoss()
    memory = IdentityMemory(3, 2, 4, normalize_table=normalize)
    first = loss(EMBEDDINGS, PERSON_IDS, memory.lookup_table)
    expected = (0.714214 + 0.714214 + 0 + 0.3) / 4
    assert first.item() == pytest.approx(expected, abs=1e-5)
    memory.update(EMBEDDINGS, PERSON_IDS)
    second = loss(EMBEDDINGS, PERSON_IDS, memory.lookup_table)
    # Distances of rows to themselves are rounding: a millionth at best.
    assert second.item() == pytest.approx(sum(hinges) / 4, abs=1e-5)


def slow(embeddings, ids, table, margin=0.3):
    """One anchor after another."""
    labelled = ids >= 0
    rows = table[ids[labelled]]
    points = torch.cat([embeddings[labelled], rows])
    ids = ids[labelled].repeat(2)
    hinges = []
    for anchor, own in zip(points, ids):
        distance = (points - anchor).pow(2).sum(1).clamp(min=1e-12).sqrt()
        hinge = distance[ids == own].max() - distance[ids != own].min()
        hinges.append((hinge + margin).clamp(min=0))
    return torch.stack(hinges).mean()


def test_value_and_gradient_of_a_slow_reference():
    torch.manual_seed(0)
    table = torch.randn(5, 6)
    ids = torch.tensor([0, 3, 3, -1, 4, 0, 1])
    fast = F.normalize(torch.randn(7, 6)).requires_grad_()
    reference = fast.detach().clone().requires_grad_()
    loss = MemoryTripletLoss(skip_identity_zero=False)
    value, expected = loss(fast, ids, table), slow(reference, ids, table)
    value.backward()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(fast.grad, reference.grad, atol=1e-5, rtol=1e-4)


def test_rows_of_identity_zero_are_left_out_as_published():
    table = torch.eye(4)[:3]
    ids = torch.tensor([0, 1])
    embeddings = torch.eye(4)[2:]  # both far from their rows
    published = MemoryTripletLoss()(embeddings, ids, table)
    sane = MemoryTripletLoss(skip_identity_zero=False)
    assert sane(embeddings, ids, table) > published


@pytest.mark.parametrize('ids', [[], [-1, -1], [2, 2], [2, -1], [-2, -2]])
def test_fewer_than_two_persons_give_a_zero_with_a_gradient(ids):
    embeddings = torch.randn(len(ids), 4, requires_grad=True)
    value = MemoryTripletLoss()(
        embeddings, torch.tensor(ids, dtype=torch.long), torch.zeros(3, 4)
    )
    value.backward()
    assert value == 0
    assert embeddings.grad.abs().sum() == 0
