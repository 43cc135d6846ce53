"""TwoViewLoss: its value by hand, whom it trains, nobody, two processes."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdet_ps.models.losses import TwoViewLoss
from mmdet_ps.models.losses.two_view_loss import spread
from tests.distributed import run_distributed


def plain(features, **options):
    """A loss whose predictor does nothing."""
    loss = TwoViewLoss(features, **options)
    loss.predictor = nn.Identity()
    return loss


def test_the_value_by_hand():
    first = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    second = torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    value, _ = plain(2)(first, second)
    # Cosines 1 / sqrt(2) and -1, the same in both directions.
    assert value.item() == pytest.approx(-(math.sqrt(0.5) - 1) / 2)
    value, _ = plain(2, loss_weight=0.5)(first, second)
    assert value.item() == pytest.approx(-(math.sqrt(0.5) - 1) / 4)


def test_the_closed_form_of_the_paper():
    torch.manual_seed(0)
    loss = TwoViewLoss(8, 4)
    first, second = torch.randn(2, 5, 8)
    p1, p2 = loss.predictor(torch.cat([first, second])).chunk(2)

    def distance(p, z):
        return -(F.normalize(p) * F.normalize(z)).sum(1).mean()

    expected = 0.5 * (distance(p1, second) + distance(p2, first))
    torch.testing.assert_close(loss(first, second)[0], expected)


def test_no_gradient_flows_into_what_is_predicted():
    first = torch.tensor([[1.0, 0.0]], requires_grad=True)
    second = torch.tensor([[0.0, 1.0]])
    plain(2)(first, second)[0].backward()
    # d/dx of -(cos(x, second) + cos(second, stop(x))) / 2 at (1, 0): the
    # second half has no gradient, so half of what it would be without stop.
    torch.testing.assert_close(first.grad, torch.tensor([[0.0, -0.5]]))


def test_nobody_in_both_views():
    loss = TwoViewLoss(4)
    first = torch.zeros(0, 4, requires_grad=True)
    value, deviation = loss(first, first.clone())
    assert value.item() == 0
    assert deviation is None
    value.backward()
    assert all(p.grad is not None for p in loss.parameters())


def test_one_person_is_enough():
    loss = TwoViewLoss(4)
    value, deviation = loss(*torch.randn(2, 1, 4))
    assert torch.isfinite(value)
    assert deviation is None


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    loss = TwoViewLoss(4)
    features = torch.randn(2, 6, 4).to(dtype)
    with torch.autocast('cpu', torch.bfloat16):
        value, _ = loss(*features)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(*features.float())[0])


def test_the_spread_tells_collapse():
    torch.manual_seed(0)
    everywhere = spread(torch.randn(4000, 16))
    assert everywhere.item() == pytest.approx(1, abs=0.02)
    collapsed = spread(torch.ones(10, 16) * torch.arange(1, 11)[:, None])
    assert collapsed.item() == pytest.approx(0, abs=1e-4)


def test_a_wrong_length_says_what_to_set():
    with pytest.raises(ValueError, match='two_views.in_channels=3'):
        TwoViewLoss(4)(*torch.randn(2, 5, 3))


def one_step(rank, world_size):
    torch.manual_seed(0)
    loss = TwoViewLoss(6)
    encoder = nn.Linear(6, 6)
    views = torch.randn(2, 7, 6)
    # Uneven shares: 5 persons on one rank, 2 on the other.
    own = slice(None) if world_size == 1 else [slice(0, 5), slice(5, 7)][rank]
    value, deviation = loss(*encoder(views[:, own]))
    value.backward()
    gradients = [p.grad for p in [*encoder.parameters(), *loss.parameters()]]
    if world_size > 1:
        for gradient in gradients:
            torch.distributed.all_reduce(gradient)
            gradient /= world_size
    return value.detach(), deviation, gradients, loss.state_dict()


def test_two_processes_equal_one():
    expected = one_step(0, 1)
    for result in run_distributed(one_step, 2):
        torch.testing.assert_close(result, expected)
