"""Bytes of live tensors are counted, and stand-ins take no memory."""

import resource

import pytest
import torch
from torch import nn

from mmdet_ps.engine.live_memory import LiveMemory

MIB = 2**20


def test_storages_count_once_and_until_they_are_freed():
    with LiveMemory() as memory:
        first = torch.zeros(MIB, dtype=torch.uint8)
        view = first[10:].view(-1)
        assert memory.live == MIB
        second = first + 1
        assert memory.live == 2 * MIB
        del first, second
        assert memory.live == MIB  # the view holds it
        del view
        assert memory.live == 0
    assert memory.peak == 2 * MIB


def test_in_place_operators_take_nothing():
    with LiveMemory() as memory:
        x = torch.zeros(MIB, dtype=torch.uint8)
        x.add_(1).clamp_(max=3)
    assert memory.peak == MIB


def test_what_autograd_keeps_is_counted():
    x = torch.zeros(MIB // 4, requires_grad=True)
    with LiveMemory() as memory:
        memory.watch([x])
        y = (x.exp() * x.exp()).sum()
        # Both factors are kept; their product was freed.
        assert 3 * MIB <= memory.live < 3.1 * MIB
        y.backward()
        del y
        # The gradient has taken their place.
        assert 2 * MIB <= memory.live < 2.1 * MIB
        assert torch.equal(x.grad, 2 * torch.ones_like(x))


def test_stand_ins_have_the_form_of_what_they_stand_for():
    layer = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    image = torch.rand(2, 3, 33, 65)
    expected = layer(image).relu()
    with LiveMemory(stand_in_from=0) as memory:
        found = nn.functional.relu_(layer(image))
        assert memory.live >= found.numel() * 4
        assert found.stride() == expected.stride()
        assert found.shape == expected.shape
        loss = (found.flatten(1)[:, :5] ** 2).sum()
        loss.backward()
    assert layer.weight.grad.shape == layer.weight.shape
    assert torch.count_nonzero(found) == 0


def test_pictures_that_fit_no_memory_can_be_followed():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layers = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.Conv2d(64, 64, 3, padding=1), nn.MaxPool2d(2),
    )  # fmt: skip
    image = torch.zeros(1).expand(8, 3, 4000, 4000)
    with LiveMemory(stand_in_from=2**24) as memory:
        layers(image).amax().backward()
    maps = 8 * 64 * 4000 * 4000 * 4
    # Outputs of the convolutions and of the norm are kept; gradients of two
    # live at a time.
    assert 4 * maps < memory.peak < 6 * maps
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2**20  # KiB


@pytest.mark.parametrize('stand_in_from', [None, 0])
def test_columns_of_deformable_convolutions_are_added(stand_in_from):
    arguments = (
        torch.rand(2, 4, 16, 16), torch.rand(4, 4, 3, 3),
        torch.zeros(2, 18, 16, 16), torch.zeros(2, 1), torch.zeros(4),
        1, 1, 1, 1, 1, 1, 1, 1, False,
    )  # fmt: skip
    with LiveMemory(stand_in_from) as memory:
        torch.ops.torchvision.deform_conv2d(*arguments)
    output, columns = 2 * 4 * 256 * 4, 2 * 4 * 9 * 256 * 4
    assert memory.peak == output + columns
