"""Features near to those of the start, by hand and in pre-training."""

import math

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmdet_ps.models.detectors.near_start_term import NearStartTerm
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.pretrained_weights import format_weights

from .test_hybrid_two_views import batch, hybrid, losses_of

IMAGES = torch.ones(1, 1, 2, 3)
BATCH = [[0, 1]], [[1, 2]]
KEYS = {'det_near_start_loss', 'reid_near_start_loss'}


def scaling(factor):
    """A backbone that multiplies."""
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, factor)
    return layer


def test_a_map_by_hand():
    """Twice the picture at the start, three times now."""
    backbone = scaling(2.0)
    term = NearStartTerm(backbone, [1], weight=0.5)
    term.take(backbone)
    first = term(IMAGES, backbone(IMAGES))['near_start_loss']
    assert first.item() == pytest.approx(0.25 * math.log(0.1), abs=1e-4)
    nn.init.constant_(backbone.weight, 3.0)
    loss = term(IMAGES, backbone(IMAGES))['near_start_loss']
    # 1/2 (log v + 1 / v) with v = 0.1, at half the weight.
    assert loss.item() == pytest.approx(0.25 * (math.log(0.1) + 10), rel=1e-4)
    loss.backward()
    # d/dw of 0.25 (w - 2)^2 / v, and d/dv = 0.25 (1 / v - 1 / v^2).
    assert backbone.weight.grad.item() == pytest.approx(5.0, rel=1e-3)
    (raw,) = term.raw_variances
    slope = 0.25 * (10 - 100) * torch.sigmoid(raw.detach())
    assert raw.grad.item() == pytest.approx(slope.item(), rel=1e-3)
    assert term.start.weight.grad is None


def test_several_maps_count_alike():
    backbone = nn.Sequential(scaling(2.0))
    term = NearStartTerm(backbone, [1, 2], weight=1.0)
    wanted = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 1, 1)]
    term.start.forward = lambda images: wanted
    maps = [torch.zeros(1, 1, 4, 4), torch.full((1, 2, 1, 1), 0.3)]
    loss = term(IMAGES, maps)['near_start_loss']
    expected = (math.log(0.1) + math.log(0.1) + 0.9) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_the_copy_is_taken_of_what_was_loaded_and_kept():
    backbone = scaling(2.0)
    term = NearStartTerm(backbone, [1])
    nn.init.constant_(backbone.weight, 5.0)  # weights loaded afterwards
    term.take(backbone)
    nn.init.constant_(backbone.weight, 6.0)  # trained
    term.take(backbone)
    assert term.start.weight.item() == 5
    resumed = NearStartTerm(backbone, [1])
    resumed.load_state_dict(term.state_dict())
    resumed.take(backbone)
    assert resumed.start.weight.item() == 5


@pytest.mark.parametrize(
    ('method', 'channels'), [('nae', [64]), ('alignps', [16, 32, 64, 128])]
)
def test_pre_training_keeps_to_its_start(method, channels):
    model = hybrid(method, near_start=dict(in_channels=channels, weight=1e4))
    start = {
        key: value.clone()
        for key, value in model.detector.backbone.state_dict().items()
    }
    step = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
    for _ in range(2):
        log = model.train_step(batch(*BATCH), step)
        assert set(log) >= KEYS
    for key, value in model.near_start.start.state_dict().items():
        torch.testing.assert_close(value, start[key], rtol=0, atol=0)
    losses = losses_of(model, batch(*BATCH))
    sum(losses[key] for key in KEYS).backward()
    learning = {
        name.split('.')[0]
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert learning == {'detector', 'near_start'}
    kept = format_weights(model.state_dict(), 'all')
    assert not any('near_start' in key for key in kept)
    assert sorted(kept) == sorted(
        format_weights(hybrid(method).state_dict(), 'all')
    )


def test_other_maps_are_named():
    model = hybrid('nae', near_start=dict(in_channels=[3]))
    with pytest.raises(UserError, match=r'have \[64\] channels'):
        losses_of(model, batch(*BATCH))
