"""The layout of feature maps changes no value, and lasts."""

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmdet_ps.models.layers import channels_innermost
from tests.test_models.test_waits_of_the_host import scenes
from tests.test_models.thin_methods import METHODS, thin_model
from tests.test_models.two_stage import losses_of


def is_innermost(maps):
    return maps.is_contiguous(memory_format=torch.channels_last)


def test_values_and_gradients_stay():
    maps = torch.randn(2, 3, 4, 5, requires_grad=True)
    moved = channels_innermost(maps)
    assert is_innermost(moved)
    assert not is_innermost(maps)
    torch.testing.assert_close(moved, maps, rtol=0, atol=0)
    moved.square().sum().backward()
    torch.testing.assert_close(maps.grad, 2 * maps)


@pytest.mark.parametrize('method', METHODS)
def test_every_method_trains_with_the_channels_innermost(method):
    init_default_scope('mmdet')
    model = thin_model(method).train()
    seen = []
    for module in model.backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, given, maps: seen.append(is_innermost(maps))
            )
    losses_of(model, scenes())
    assert seen and all(seen)
