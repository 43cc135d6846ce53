"""mmcv.ops.sigmoid_focal_loss on our operators against loops."""

import math

import pytest
import torch
from mmcv.ops import sigmoid_focal_loss
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

import mmdet_ps  # noqa: F401  supplies the operators


def slow_focal_loss(logits, target, gamma, alpha, weight=None):
    rows = []
    for row, label in zip(logits.tolist(), target.tolist()):
        losses = []
        for column, logit in enumerate(row):
            p = 1 / (1 + math.exp(-logit))
            if column == label:
                loss = -alpha * (1 - p) ** gamma * math.log(p)
            else:
                loss = -(1 - alpha) * p**gamma * math.log(1 - p)
            if weight is not None and 0 <= label < len(row):
                loss *= weight[label].item()
            losses.append(loss)
        rows.append(losses)
    return torch.tensor(rows, dtype=logits.dtype)


def random_case(seed=0, rows=12, classes=3):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(
        rows, classes, generator=generator, dtype=torch.float64
    )
    target = torch.randint(0, classes + 1, (rows,), generator=generator)
    return logits * 3, target


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.6), (0.0, 0.5)])
def test_values_are_those_of_loops(gamma, alpha, weighted):
    logits, target = random_case()
    weight = logits.new_tensor([0.5, 1.0, 3.0]) if weighted else None
    loss = sigmoid_focal_loss(logits, target, gamma, alpha, weight, 'none')
    expected = slow_focal_loss(logits, target, gamma, alpha, weight)
    torch.testing.assert_close(loss, expected)
    total = sigmoid_focal_loss(logits, target, gamma, alpha, weight, 'sum')
    torch.testing.assert_close(total, expected.sum())
    mean = sigmoid_focal_loss(logits, target, gamma, alpha, weight, 'mean')
    torch.testing.assert_close(mean, expected.sum() / len(target))


@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_gradcheck(reduction):
    logits, target = random_case(1, rows=5)
    weight = logits.new_tensor([0.5, 1.0, 3.0])
    logits.requires_grad_()

    def operator(x):
        return sigmoid_focal_loss(x, target, 2.0, 0.25, weight, reduction)

    # mmcv multiplies the gradient in place, so that is given a copy.
    assert torch.autograd.gradcheck(lambda x: operator(x).clone(), (logits,))


def test_mmdet_sees_the_same_loss_on_cpu_and_gpu_paths():
    logits, target = random_case(2)
    one_hot = torch.nn.functional.one_hot(target, 4)[:, :3]
    expected = py_sigmoid_focal_loss(logits, one_hot, reduction='none')
    loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    torch.testing.assert_close(loss, expected)


def test_large_logits_stay_finite():
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = sigmoid_focal_loss(logits, torch.tensor([0]), 2.0, 0.25)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_no_rows():
    logits = torch.zeros(0, 3, requires_grad=True)
    target = torch.zeros(0, dtype=torch.long)
    loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'sum')
    loss.backward()
    assert loss == 0
    assert logits.grad.shape == (0, 3)
