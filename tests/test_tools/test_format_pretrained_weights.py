import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS

from mmdet_ps.models.backbones import resnet18
from mmdet_ps.utils.checkpoint import read_checkpoint
from tests.test_models.thin_methods import thin_config, thin_model
from tests.test_models.two_stage import build

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'tools/format_epoch_weights_for_pretraining.sh'


def run(*args):
    return subprocess.run(
        ['sh', str(SCRIPT), *map(str, args)],
        env={**os.environ, 'PYTHON': sys.executable},
        capture_output=True,
        text=True,
    )


def test_every_form_loads_again(tmp_path):
    backbone = resnet18()
    neck = MODELS.build(dict(type='FPN', in_channels=[64, 128, 256, 512],
                             out_channels=8, num_outs=4))  # fmt: skip
    state = {
        **{f'detector.backbone.{k}': v
           for k, v in backbone.state_dict().items()},
        **{f'detector.neck.{k}': v for k, v in neck.state_dict().items()},
        'detector.bbox_head.loss_reid.memory.queue': torch.zeros(3),
        'alignment.levels.a.queue.features': torch.zeros(1),
    }  # fmt: skip
    for iteration in (10, 20):
        torch.save(
            dict(meta=dict(iter=iteration, seed=3), state_dict=state),
            tmp_path / f'iter_{iteration}.pth',
        )
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_20.pth')
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    loaded = resnet18(pretrained=str(tmp_path / 'pretrained_backbone.pth'))
    for key, value in backbone.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
    both = read_checkpoint(tmp_path / 'pretrained_neck.pth')
    everything = read_checkpoint(tmp_path / 'pretrained_all.pth')
    assert (
        set(both['state_dict'])
        == set(everything['state_dict'])
        == {
            key.removeprefix('detector.')
            for key in state
            if 'backbone' in key or 'neck' in key
        }
    )
    assert both['meta']['iter'] == 20 and both['meta']['keep'] == 'neck'
    assert run(tmp_path, 10).returncode == 0
    chosen = read_checkpoint(tmp_path / 'pretrained_all.pth')
    assert chosen['meta']['iter'] == 10
    assert not list(tmp_path.glob('*.part'))


@pytest.mark.parametrize(
    'args, message',
    [
        (['nowhere'], 'no such folder'),
        (['.'], 'no checkpoint yet'),
        (['.', '7'], 'neither epoch_7.pth nor'),
        ([], 'give WORK_DIR'),
    ],
)
def test_mistakes_are_explained(args, message, tmp_path):
    args = [tmp_path / args[0], *args[1:]] if args else []
    result = run(*args)
    assert result.returncode != 0
    assert message in result.stderr
    assert 'Traceback' not in result.stderr


def test_a_broken_checkpoint_is_named(tmp_path):
    (tmp_path / 'epoch_1.pth').write_bytes(b'broken')
    result = run(tmp_path, 1)
    assert result.returncode != 0
    assert 'epoch_1.pth: is no file of PyTorch' in result.stderr
    assert 'Traceback' not in result.stderr
    assert not list(tmp_path.glob('pretrained_*'))


@pytest.fixture(scope='module')
def roi_alignps(tmp_path_factory):
    """Weights of a ROI-AlignPS, and its backbone as a file."""
    folder = tmp_path_factory.mktemp('pretraining')
    source = thin_model('roi-alignps').state_dict()
    state = {f'detector.{key}': value for key, value in source.items()}
    torch.save(dict(meta={}, state_dict=state), folder / 'iter_1.pth')
    (folder / 'last_checkpoint').write_text('iter_1.pth')
    assert run(folder).returncode == 0
    return source, folder / 'pretrained_backbone.pth'


@pytest.mark.parametrize('method', ['oim', 'nae', 'bsl', 'seqnet'])
def test_stages_on_rois_start_from_what_was_trained_on_rois(
    method, roi_alignps
):
    """From ROI-AlignPS, which has its last stage once more on the image."""
    source, path = roi_alignps
    backbone = read_checkpoint(path)['state_dict']
    assert backbone.keys() == {
        key.removeprefix('backbone.')
        for key in source
        if key.startswith('backbone.')
    }
    config = thin_config(method)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    tops = {
        'bsl': ['reid_head.top'],
        'seqnet': ['first_top', 'shared_head'],
    }.get(method, ['shared_head'])
    for top in tops:
        part = config.roi_head
        for name in top.split('.'):
            part = part[name]
        part.init_cfg = init_cfg
    model = build(config)
    model.init_weights()
    for top in tops:
        found = model.roi_head.get_submodule(top).state_dict()
        assert any(key.startswith('layer4') for key in found)
        for key, value in found.items():
            wanted = source.get(f'roi_head.shared_head.{key}')
            if wanted is None:  # a block of the third stage
                wanted = source[f'backbone.{key}']
            assert torch.equal(value, wanted), key
