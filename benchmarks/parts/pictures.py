"""Networks of the methods, and pictures for them."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import nn

import mmdet_ps.registration  # noqa: F401  registers every part

CONFIGS = Path(mmdet_ps.registration.__file__).parents[1] / 'configs'
METHODS = ('oim', 'nae', 'bsl', 'seqnet', 'coat', 'alignps', 'roi-alignps')


def model_of(method: str, backbone: str) -> nn.Module:
    """A method's network at a random start, for 483 persons."""
    (path,) = [
        *(CONFIGS / '_base_/models').glob(f'{method}_{backbone}.py'),
        *(CONFIGS / '_base_/models').glob(f'{method}_{backbone}-c4.py'),
    ]
    model = Config.fromfile(path).model
    for head in ('roi_head', 'bbox_head'):
        loss = model.get(head, {}).get('loss_reid')
        if loss:
            loss.update(num_identities=483, queue_size=500)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(model)


def pictures(count: int, size: tuple[int, int], persons: int = 3) -> dict:
    """A batch of noise with persons at random places, as a loader gives it."""
    draw = torch.Generator().manual_seed(0)
    height, width = size
    inputs, samples = [], []
    for _ in range(count):
        corner = torch.rand(persons, 2, generator=draw)
        corner = corner * torch.tensor([width - 40.0, height - 90])
        sample = DetDataSample(
            metainfo=dict(
                img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0)
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.cat([corner, corner + torch.tensor([35.0, 85])], 1),
            labels=torch.zeros(persons, dtype=torch.long),
            person_ids=torch.arange(persons),
        )
        samples.append(sample)
        inputs.append(
            torch.randint(
                0, 256, (3, *size), generator=draw, dtype=torch.uint8
            )
        )
    return dict(inputs=inputs, data_samples=samples)


@torch.no_grad()
def calibrate(model: nn.Module, batch: dict) -> None:
    """Give the batch norms the statistics of a batch, so that a random
    network passes sane numbers on, and let it answer at any score."""
    model.eval()
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    for part in (model, getattr(model, 'roi_head', None)):
        cfg = getattr(part, 'test_cfg', None) or {}
        for stage in (cfg, cfg.get('first'), cfg.get('second')):
            if stage:
                stage['score_thr'] = -1.0
    model.test_step(batch)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.eval()


def set_threads() -> None:
    """As many threads as the environment says, or as there are cores."""
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', cores)))
