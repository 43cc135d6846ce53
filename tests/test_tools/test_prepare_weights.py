"""Weights are fetched ahead, and what is missing is named."""

from pathlib import Path

import pytest

from mmdet_ps.utils.errors import UserError

from ..test_golden.golden import load_module
from ..test_utils.test_safe_load import saved

TOOL = Path(__file__).parents[2] / 'tools/prepare_weights.py'


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The tool, with a folder of weights of its own."""
    monkeypatch.setenv('MMDET_PS_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('MMDET_PS_OFFLINE', raising=False)
    return load_module(TOOL)


def test_every_configuration_is_looked_through(tool, capsys):
    tool.main(['--list'])
    lines = capsys.readouterr().out.splitlines()
    assert all(': missing; from http' in line for line in lines)
    for name in ('resnet50_msra-5891d200.pth', 'resnet50-ps12.pth'):
        assert sum(f'weights/{name}: ' in line for line in lines) == 1


def test_what_can_be_fetched_is_and_the_rest_is_named(
    tool, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'there.pth').write_bytes(saved())
    config = tmp_path / 'config.py'
    address = tmp_path.as_uri()
    config.write_text(
        f'start = dict(type="Pretrained", checkpoint="{address}/gone.pth")\n'
        'model = dict(backbone=dict(init_cfg=start),\n'
        f'    neck=dict(pretrained="{address}/there.pth"))\n'
    )
    with pytest.raises(UserError, match='gone.pth is not in') as error:
        tool.main([str(config)])
    assert 'there.pth' not in str(error.value)
    assert (tmp_path / 'weights/there.pth').read_bytes() == saved()
    (tmp_path / 'gone.pth').write_bytes(saved())
    monkeypatch.setenv('MMDET_PS_OFFLINE', '1')
    with pytest.raises(UserError, match='MMDET_PS_OFFLINE is set'):
        tool.main([str(config)])
    with pytest.raises(UserError, match='no such configuration'):
        tool.main(['none.py'])
