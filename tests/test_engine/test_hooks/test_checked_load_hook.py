from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmdet_ps.engine.hooks import CheckedLoadHook
from mmdet_ps.utils.checkpoint import CheckpointError


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)


class Wrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.detector = Detector()


def load(model, state):
    """What the hook makes of a checkpoint, and what it logs."""
    lines = []
    runner = SimpleNamespace(
        model=model,
        logger=SimpleNamespace(info=lines.append),
        _load_from='weights.pth',
    )
    checkpoint = dict(state_dict=state)
    CheckedLoadHook().after_load_checkpoint(runner, checkpoint)
    return checkpoint['state_dict'], '\n'.join(lines)


@pytest.mark.parametrize(
    'state',
    [
        Detector().state_dict(),
        Detector().backbone.state_dict(),
        Wrapper().state_dict(),
        {f'module.{k}': v for k, v in Detector().state_dict().items()},
    ],
    ids=['detector', 'backbone', 'wrapped', 'distributed'],
)
@pytest.mark.parametrize('model', [Detector(), Wrapper()])
def test_every_layout_reaches_the_backbone(state, model):
    given, log = load(model, state)
    result = model.load_state_dict(given, strict=False)
    assert not result.unexpected_keys
    assert not [k for k in result.missing_keys if 'backbone' in k]
    assert f'{len(given)} loaded' in log


def test_what_did_not_load_is_listed():
    state = Detector().state_dict()
    state['head.weight'] = torch.zeros(5, 2)
    state['memory'] = torch.zeros(1)
    del state['head.bias']
    _, log = load(Detector(), state)
    assert '2 loaded, 1 missing, 1 unexpected, 1 mis-shaped' in log
    assert 'head.weight: model (1, 2), file (5, 2)' in log


def test_a_backbone_that_loads_nothing_is_an_error():
    state = {'head.weight': torch.zeros(1, 2), 'stem.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='weights.pth.*backbone'):
        load(Detector(), state)
