"""MutualInformationLoss: its bound, and who is trained in which step."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.losses import MutualInformationLoss


def branches(seed=0, ids=(0, 0, 1, 2, -1, -2), others=(1, 2, 2, 0, 3)):
    torch.manual_seed(seed)
    return [
        (F.normalize(torch.randn(len(i), 4)).requires_grad_(), torch.tensor(i))
        for i in (ids, others)
    ]


def test_the_bound_by_hand():
    torch.manual_seed(0)
    loss = MutualInformationLoss(4, 8)
    (first, first_ids), (second, second_ids) = branches()
    # What the loss draws: a seed, from it the branch and the partners.
    seed = torch.randint(2**31 - 1, (1,), generator=clone_of_global())
    generator = torch.Generator().manual_seed(int(seed))
    torch.rand((), generator=generator)
    partners = torch.randint(3, (3,), generator=generator)
    value = loss((first, first_ids), (second, second_ids))
    a, b = [
        torch.stack(
            [F.normalize(x[ids == i].mean(0), dim=0) for i in range(3)]
        )
        for x, ids in ((first, first_ids), (second, second_ids))
    ]
    pairs = loss.network(torch.cat([a, b], 1))
    mixed = loss.network(torch.cat([a, b[partners]], 1))
    bound = pairs.mean() - mixed.exp().mean().log()
    torch.testing.assert_close(value, -0.2 * bound)


def clone_of_global():
    generator = torch.Generator()
    generator.set_state(torch.get_rng_state())
    return generator


@pytest.mark.parametrize('probability, trained', [(1.0, True), (0.0, False)])
def test_features_are_trained_in_some_steps_alone(probability, trained):
    loss = MutualInformationLoss(4, 8, feature_probability=probability)
    first, second = branches()
    loss(first, second).backward()
    grads = [first[0].grad, second[0].grad]
    assert all((g is not None and g.abs().sum() > 0) == trained for g in grads)
    assert all(p.grad is not None for p in loss.parameters())


def test_one_step_of_three_trains_features():
    loss = MutualInformationLoss(4, 8)
    first, second = branches()
    steps = 300
    trained = 0
    for _ in range(steps):
        first[0].grad = None
        loss(first, second).backward()
        trained += first[0].grad is not None
    assert abs(trained - steps / 3) < 5 * math.sqrt(steps * 2 / 9)


@pytest.mark.parametrize(
    'ids, others', [((0, 1), (2, 3)), ((-1,), (-1,)), ((), ()), ((), (1,))]
)
def test_nobody_in_common_gives_a_zero_that_reaches_everything(ids, others):
    loss = MutualInformationLoss(4, 8)
    first, second = branches(ids=ids, others=others)
    value = loss((first[0], first[1].long()), (second[0], second[1].long()))
    value.backward()
    assert value == 0
    for tensor in (first[0], second[0], *loss.parameters()):
        assert tensor.grad is not None and tensor.grad.abs().sum() == 0
