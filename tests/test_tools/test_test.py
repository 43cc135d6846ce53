"""Options of tools/test.py."""

from pathlib import Path

import pytest
import torch

from mmdet_ps.utils import devices
from mmdet_ps.utils.errors import UserError

from .toy_run import CONFIG, ToyModel, call_tool

TOOL = Path(__file__).parents[2] / 'tools' / 'test.py'


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Run the tool; batch sizes, and whether gradients and half precision
    were on, at each prediction."""
    (tmp_path / 'toy.py').write_text(CONFIG)
    torch.save(dict(state_dict=ToyModel().state_dict()), tmp_path / 'w.pth')
    steps = []

    def predict(self, inputs, mode='tensor'):
        states = (
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled('cpu'),
        )
        steps.append((len(inputs), *states))
        return [torch.zeros(1)]

    monkeypatch.setattr(ToyModel, 'forward', predict)

    def call(*options):
        steps.clear()
        words = [tmp_path / 'toy.py', tmp_path / 'w.pth', *options]
        call_tool(monkeypatch, TOOL, *words, '--work-dir', tmp_path / 'work')
        return steps

    return call


def test_as_the_configuration_says(seen):
    assert seen() == [(1, True, False)] * 2


def test_pictures_computed_together_and_in_half_precision(seen, monkeypatch):
    monkeypatch.setattr(
        torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': True}
    )
    assert seen('--batch-size', '2', '--half') == [(2, True, True)]


def test_half_precision_needs_a_processor_that_has_it(monkeypatch):
    found = {'avx2': True, 'avx512_bf16': False}
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: found)
    with pytest.raises(UserError, match='does not compute in bfloat16'):
        devices.half_precision(torch.device('cpu'))
    assert devices.half_precision(torch.device('cuda')) is torch.float16
    found['avx512_bf16'] = True
    assert devices.half_precision(torch.device('cpu')) is torch.bfloat16


def test_the_network_is_prepared(seen, monkeypatch):
    prepared = []
    monkeypatch.setattr(
        'mmdet_ps.utils.prediction.prepare_for_prediction', prepared.append
    )
    seen()
    assert [type(model) for model in prepared] == [ToyModel]
