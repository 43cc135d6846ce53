"""Batch norm of few rows, alone and over several processes."""

import pytest
import torch

from mmdet_ps.models.layers import SmallBatchNorm1d
from tests.distributed import run_distributed

CHANNELS = 4


def normalise(rows, weights, steps=2):
    """Outputs, gradient of the rows and running statistics."""
    norm = SmallBatchNorm1d(CHANNELS)
    torch.nn.init.constant_(norm.weight, 1.5)
    norm.running_mean.fill_(0.5)
    norm.running_var.fill_(2.0)
    for _ in range(steps):
        rows = rows.detach().requires_grad_()
        out = norm(rows)
        (out * weights).sum().backward()
    state = [value.float().numpy() for value in norm.state_dict().values()]
    return out.detach().numpy(), rows.grad.numpy(), state


def data(number):
    generator = torch.Generator().manual_seed(number)
    return torch.randn(2, number, CHANNELS, generator=generator) * 3 + 1


def in_process(rank, counts):
    rows, weights = (part.split(counts)[rank] for part in data(sum(counts)))
    return normalise(rows, weights)


@pytest.mark.parametrize(
    'counts', [(3, 2), (5, 0), (0, 4), (1, 1), (1, 0), (0, 0)]
)
def test_two_processes_normalise_like_one(counts):
    out, gradient, state = normalise(*data(sum(counts)))
    ranks = run_distributed(in_process, counts)
    joined, gradients = (
        torch.cat([torch.as_tensor(rank[k]) for rank in ranks]) for k in (0, 1)
    )
    torch.testing.assert_close(joined, torch.as_tensor(out))
    torch.testing.assert_close(gradients, torch.as_tensor(gradient))
    for _, _, other in ranks:
        for value, expected in zip(other, state):
            torch.testing.assert_close(
                torch.as_tensor(value), torch.as_tensor(expected)
            )


def test_two_rows_are_as_in_a_usual_batch_norm():
    rows = data(2)[0]
    usual = torch.nn.BatchNorm1d(CHANNELS)
    torch.testing.assert_close(SmallBatchNorm1d(CHANNELS)(rows), usual(rows))
