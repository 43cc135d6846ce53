"""What a check of a training says before it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from lab.synthetic.make import make_sets
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.datasets.native.registry import find_folders
from mmdet_ps.engine.rehearsal import rehearse
from mmdet_ps.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC = ROOT / 'configs' / 'synthetic'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp('data')
    make_sets(out, ['PRW'], 0, 'tiny', 1, False, lambda _: None)
    for form, root in find_folders(out):
        prepare(form, root)
    return out


@pytest.fixture
def cfg(data, tmp_path, monkeypatch):
    monkeypatch.setenv('DATA_ROOT', str(data))
    cfg = Config.fromfile(SYNTHETIC / 'nae_r18-c4_1xb4-300_prw.py')
    cfg.launcher = 'none'
    cfg.work_dir = str(tmp_path / 'run')
    return cfg


def lines_of(cfg):
    lines = []
    rehearse(cfg, lines.append)
    return lines


def line(lines, start):
    (found,) = [text for text in lines if text.startswith(start)]
    return found


def test_it_says_what_will_run_and_writes_nothing(cfg):
    cfg.train_dataloader.num_workers = 2
    cfg.train_dataloader.persistent_workers = True
    cfg.default_hooks.checkpoint.interval = 150
    lines = lines_of(cfg)
    assert 'prw: 12 images, ' in line(lines, 'train data')
    assert '10 identities' in line(lines, 'train data')
    assert '300 steps of 4 images per process' in line(lines, 'steps')
    assert 'checkpoint every 150 steps' in line(lines, 'steps')
    assert line(lines, 'start').endswith('random weights')
    assert 'loss_reid' in line(lines, 'loss')
    assert 'standard 19' in line(lines, 'val queries')
    assert 'detections in 1 images' in line(lines, 'validation')
    assert not Path(cfg.work_dir).exists()
    # The configuration that will run is as it was.
    assert cfg.train_dataloader.num_workers == 2


def test_epochs_are_counted_in_steps(cfg):
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=5)
    cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    steps = line(lines_of(cfg), 'steps')
    assert '15 steps of 4 images per process (5 epochs of 3)' in steps


def test_a_model_with_too_few_identities_is_refused(cfg):
    cfg.model.roi_head.loss_reid.num_identities = 9
    with pytest.raises(UserError, match='has 10 identities, but roi_head.*=9'):
        lines_of(cfg)


def test_a_loss_that_is_not_finite_is_refused(cfg):
    cfg.model.data_preprocessor.std = [0.0, 0.0, 0.0]
    with pytest.raises(UserError, match='of the first batch is not finite'):
        lines_of(cfg)


@pytest.mark.slow
def test_the_commands_offer_it(data, tmp_path):
    result = subprocess.run(
        [
            *('sh', 'run_train_alignps.sh'),
            'configs/synthetic/nae_r18-c4_1xb4-300_prw.py',
            '--check',
        ],
        cwd=ROOT,
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PYTHONPATH': str(ROOT),
            'DATA_ROOT': str(data),
            'WORK_DIR': str(tmp_path / 'run'),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert 'prw: 12 images' in result.stdout
    assert f'would write   {tmp_path}/run' in result.stdout
    assert not (tmp_path / 'run').exists()
