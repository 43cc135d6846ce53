"""The recipe of deep-person-search: learning rates, parts, iterations."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import nn

from mmdet_ps.engine.optimizers import PartsOptimWrapperConstructor
from mmdet_ps.models.roi_heads import SeparatedReIDHead
from tests.test_models.two_stage import build

CONFIGS = Path(__file__).parents[1] / 'configs'
STEPS = 5  # of an epoch


class ToyReIDHead(SeparatedReIDHead):
    """A linear layer that passes for the re-ID head of BSL."""

    def __init__(self):
        nn.Module.__init__(self)
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


class Toy(nn.Module):
    """Two layers that mmengine can train."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(1, 1)
        self.reid_head = ToyReIDHead()

    def train_step(self, data, optim_wrapper):
        with optim_wrapper.optim_context(self):
            loss = self.reid_head(self.stem(torch.ones(1, 1))).sum()
        optim_wrapper.update_params(loss * 0)
        return dict(loss=loss)


class RateRecorder(Hook):
    """Learning rates with which each step was made."""

    def __init__(self):
        self.rates = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for name, values in runner.optim_wrapper.get_lr().items():
            self.rates.setdefault(name, []).append(values[0])


def rates_of(schedule, tmp_path):
    """Learning rates (7 epochs, STEPS) of a schedule by optimizer."""
    cfg = Config.fromfile(CONFIGS / '_base_/schedules' / f'{schedule}.py')
    recorder = RateRecorder()
    runner = Runner(
        model=Toy(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=[0] * STEPS,
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=1,
        ),
        train_cfg=dict(by_epoch=True, max_epochs=7, val_interval=99),
        optim_wrapper=cfg.optim_wrapper,
        param_scheduler=cfg.param_scheduler,
        custom_hooks=[recorder],
        default_hooks=dict(checkpoint=None),
        default_scope='mmdet',
        experiment_name=f'{tmp_path.parent.name}-{tmp_path.name}',
        log_level='ERROR',
    )
    runner.train()
    return {
        name: np.reshape(values, (-1, STEPS))
        for name, values in recorder.rates.items()
    }


def test_one_optimizer(tmp_path):
    rates = rates_of('deep-person-search_7e', tmp_path)['lr']
    # Linear from 3e-5 over the steps of the first epoch.
    assert rates[0] == pytest.approx(np.linspace(3e-5, 3e-3, STEPS))
    assert rates[1:5] == pytest.approx(np.full((4, STEPS), 3e-3))
    assert rates[5:] == pytest.approx(np.full((2, STEPS), 3e-4))


def test_two_optimizers(tmp_path):
    rates = rates_of('deep-person-search-parts_7e', tmp_path)
    single = rates_of('deep-person-search_7e', tmp_path / 'single')['lr']
    assert rates['det.lr'] == pytest.approx(single)
    reid = rates['reid.lr']
    assert reid[0] == pytest.approx(np.linspace(3.5e-6, 3.5e-4, STEPS))
    assert reid[1:6] == pytest.approx(np.full((5, STEPS), 3.5e-4))
    assert reid[6] == pytest.approx(np.full(STEPS, 3.5e-5))


@pytest.mark.slow
def test_parts_of_bsl():
    """16.73 M parameters detect, 18.32 M re-identify."""
    cfg = Config.fromfile(CONFIGS / 'bsl/bsl_r50-c4_1xb5-7e_prw.py')
    wrapper = PartsOptimWrapperConstructor(
        {k: v for k, v in cfg.optim_wrapper.items() if k != 'constructor'}
    )(build(cfg.model))
    sizes = {
        name: sum(
            p.numel()
            for group in part.optimizer.param_groups
            for p in group['params']
        )
        for name, part in wrapper.items()
    }
    assert sizes['det'] / 1e6 == pytest.approx(16.73, abs=0.005)
    assert sizes['reid'] / 1e6 == pytest.approx(18.32, abs=0.005)
    kinds = {n: type(w.optimizer).__name__ for n, w in wrapper.items()}
    assert kinds == dict(det='SGD', reid='Adam')
    _, biases = wrapper['det'].optimizer.param_groups[:2]
    assert biases['weight_decay'] == 0


def annotations(tmp_path, images):
    """A PRW-like folder with the given ids per image."""
    folder = tmp_path / 'PRW'
    (folder / 'prepared').mkdir(parents=True)
    data_list = []
    for number, ids in enumerate(images):
        path = folder / f'{number}.jpg'
        path.write_bytes(b'')
        instances = [
            dict(bbox=[9, 9, 40, 90], bbox_label=0, ignore_flag=0,
                 instance_id=i) for i in ids
        ]  # fmt: skip
        data_list.append(
            dict(img_id=number, img_path=path.name, height=100, width=100,
                 instances=instances)
        )  # fmt: skip
    metainfo = dict(
        classes=['person'], dataset='prw', split='train', source='prw',
        num_identities=2, format_version=1,
    )  # fmt: skip
    file = folder / 'prepared' / 'train.json'
    file.write_text(json.dumps(dict(metainfo=metainfo, data_list=data_list)))
    return folder


def test_images_with_identities_twice_an_epoch(tmp_path, monkeypatch):
    """Mirrored copies are appended, images without identity are dropped."""
    folder = annotations(tmp_path, [[0], [-1], [1, -1], [], [0], [1], [1]])
    monkeypatch.setenv('DATA_ROOT', str(tmp_path))
    cfg = Config.fromfile(CONFIGS / 'oim/oim_r50-c4_1xb5-7e_prw.py')
    assert cfg.train_dataloader.dataset.data_root == f'{folder}/'
    cfg.train_dataloader.dataset.pipeline = []
    cfg.train_dataloader.num_workers = 0
    cfg.train_dataloader.persistent_workers = False
    with DefaultScope.overwrite_default_scope('mmdet'):
        loader = Runner.build_dataloader(cfg.train_dataloader)
    used = [(i['img_id'], 'flipped_copy' in i) for i in loader.dataset]
    kept = [0, 2, 4, 5, 6]
    assert used == [(i, False) for i in kept] + [(i, True) for i in kept]
    assert len(loader) == 2  # batches of 5, an incomplete one is dropped
