"""The simulated device sees planted faults, and what code does is kept."""

import copy

import pytest
import torch
from torch import nn

from tests.device_simulation import DEVICE, MixedDevices, SimulatedDevice


@pytest.fixture
def device():
    with SimulatedDevice() as simulated:
        yield simulated


def test_tensors_say_where_they_are(device):
    here = torch.ones(3)
    there = here.to('cuda')
    for tensor in (
        there, here.cuda(), here.to(DEVICE), here.to(there),
        torch.zeros(2, device='cuda'), there.new_zeros(2), there[1:] + 1,
        torch.arange(3, device=there.device), torch.zeros_like(there),
        there.double(), there.to(torch.float16), nn.functional.relu(there),
        torch.empty(0, device='cuda'), there.sum(), copy.deepcopy(there),
        there[:0].clone(), there.new_tensor([1, 2]),
    ):  # fmt: skip
        assert tensor.is_cuda and tensor.device == DEVICE
    for tensor in (
        here, there.cpu(), there.to('cpu'), there.to(here), here * 2,
        torch.zeros(2), here.new_ones(1), there.to('cpu', torch.float64),
    ):  # fmt: skip
        assert not tensor.is_cuda and tensor.device.type == 'cpu'


@pytest.mark.parametrize(
    'fault',
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.zeros(1)]),
        lambda x: torch.where(x > 0, x, torch.zeros(3)),
        lambda x: x.index_select(0, torch.tensor([0])),
        lambda x: nn.Linear(3, 2)(x),
        lambda x: x.numpy(),
        lambda x: x.detach().numpy(),
        lambda x: torch.ones(3)[x.long()],
        lambda x: nn.functional.cross_entropy(
            x[None], torch.zeros(1, dtype=torch.long)
        ),
    ],
)
def test_planted_faults_are_found(device, fault):
    with pytest.raises(MixedDevices):
        fault(torch.ones(3).cuda())


def test_what_a_gpu_allows_is_allowed(device):
    x = torch.ones(3).cuda()
    assert (x * 2 + torch.tensor(1.0)).is_cuda  # a number of the host
    assert x[torch.tensor([0, 2])].is_cuda  # an index of the host
    x[torch.tensor([1])] = 5.0
    x.copy_(torch.zeros(3))
    assert x.tolist() == [0, 0, 0]


def test_a_fault_in_the_backward_pass_is_found(device):
    class Careless(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * torch.ones(3)

    x = torch.ones(3).cuda().requires_grad_()
    with pytest.raises(MixedDevices):
        Careless.apply(x).sum().backward()


@pytest.mark.parametrize(
    ('wait', 'number'),
    [
        (lambda x: x.sum().item(), 1),
        (lambda x: float(x[0]), 1),
        (lambda x: bool((x > 0).any()), 1),
        (lambda x: x.tolist(), 1),
        (lambda x: x.cpu(), 1),
        (lambda x: x.to('cpu'), 1),
        (lambda x: x[x > 0], 1),
        (lambda x: (x > 0).nonzero(), 1),
        (lambda x: x.unique(), 1),
        (lambda x: torch.bincount(x.long()), 1),
        (lambda x: x.repeat_interleave(x.long()), 1),
        (lambda x: torch.equal(x, x), 1),
        (lambda x: nn.functional.one_hot(x.long()), 1),
        (lambda x: nn.functional.one_hot(x.long(), 3) + x, 0),
        (lambda x: x + 1, 0),
        (lambda x: torch.where(x > 0, x, 0), 0),
        (lambda x: torch.ones(3).to(x), 0),
        (lambda x: x.cuda(), 0),
        (lambda x: torch.ones(3)[torch.ones(3) > 0], 0),
        (lambda x: torch.ones(3).sum().item(), 0),
    ],
)
def test_waits_of_the_host_are_counted(device, wait, number):
    x = torch.ones(3).cuda()
    before = device.number_of_waits()
    wait(x)
    assert device.number_of_waits() - before == number


def test_a_training_step_computes_what_it_computes_without():
    def train(place):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            nn.Linear(4 * 36, 2),
        ).to(place)  # fmt: skip
        step = torch.optim.AdamW(model.parameters(), lr=0.1)
        images = torch.rand(5, 3, 8, 8).to(place)
        labels = torch.tensor([0, 1, 0, 1, 1]).to(place)
        for _ in range(2):
            loss = nn.functional.cross_entropy(model(images), labels)
            step.zero_grad()
            loss.backward()
            step.step()
        return [p.detach().clone() for p in model.parameters()]

    expected = train('cpu')
    with SimulatedDevice() as device:
        found = train('cuda')
        assert all(parameter.is_cuda for parameter in found)
        assert device.number_of_waits() == 0
    for a, b in zip(found, expected):
        assert torch.equal(a, b)
