"""SOLIDER's layout becomes the backbone's, and fills both of its parts."""

import importlib.util
from pathlib import Path

import pytest
import torch

from mmdet_ps.models.backbones import StagedSwin

TOOL = Path(__file__).parents[2] / 'tools/model_converters/solider.py'
THIN = dict(
    embed_dims=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    window_size=3,
    semantic_weight=0.6,
)


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('solider', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published(prefix):
    """Random weights in SOLIDER's layout: a teacher with a head, whose Swin
    has semantic layers behind every stage, the last one included."""
    torch.manual_seed(0)
    state = StagedSwin(**THIN).state_dict()
    state = {key: torch.rand_like(v.float()) for key, v in state.items()}
    for kind in 'wb':
        state[f'semantic_embed_{kind}.3.weight'] = torch.rand(64, 2)
        state[f'semantic_embed_{kind}.3.bias'] = torch.rand(64)
    theirs = {prefix + key: value for key, value in state.items()}
    theirs['head.last_layer.weight_v'] = torch.rand(4, 4)
    return state, theirs


@pytest.mark.parametrize('prefix', ['backbone.', ''])
def test_every_weight_arrives(tool, tmp_path, prefix, capsys):
    state, theirs = published(prefix)
    content = {'teacher': theirs, 'student': {'x': torch.zeros(1)}, 'epoch': 9}
    torch.save(content if prefix else theirs, tmp_path / 'swin_tiny.pth')
    path = tmp_path / 'converted.pth'
    tool.convert_file(tmp_path / 'swin_tiny.pth', path, False)
    printed = capsys.readouterr().out
    assert printed.count('dropped') == 5
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    filled = {}
    for part in ('stem', 'top'):
        model = StagedSwin(**THIN, part=part, init_cfg=init_cfg)
        model.init_weights()
        filled.update(model.state_dict())
    for key, value in filled.items():
        if 'relative_position_index' not in key:
            assert torch.equal(value, state[key]), key
    assert not {k for k in state if 'embed_w.3' not in k} - {
        *filled,
        *(f'norm{i}.{name}' for i in (0, 1) for name in ('weight', 'bias')),
        *(f'semantic_embed_b.3.{name}' for name in ('weight', 'bias')),
    }


def test_another_file_is_refused(tool, tmp_path):
    torch.save({'conv1.weight': torch.zeros(1)}, tmp_path / 'resnet.pth')
    with pytest.raises(ValueError, match='not of SOLIDER'):
        tool.convert_file(tmp_path / 'resnet.pth', tmp_path / 'x.pth', False)
    assert not (tmp_path / 'x.pth').exists()
