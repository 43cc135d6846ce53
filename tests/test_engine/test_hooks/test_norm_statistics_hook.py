"""Statistics of batch norms are those of the images of all processes."""

import os
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmdet_ps.engine.hooks import NormStatisticsHook
from tests.distributed import run_distributed
from tests.test_engine import small_training
from tests.tiny_search_detector import PREPROCESSOR


def averaged(rank):
    """The state of a learning norm, a frozen one and a memory."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.BatchNorm2d(1).eval())
    model.register_buffer('memory', torch.tensor([4 * rank]))
    for norm in model:
        norm.running_mean.fill_(rank)
        norm.running_var.fill_(1 + 2 * rank)
    NormStatisticsHook().before_val_epoch(SimpleNamespace(model=model))
    return {key: value.tolist() for key, value in model.state_dict().items()}


def test_learning_norms_are_averaged_and_nothing_else():
    for rank, state in enumerate(run_distributed(averaged)):
        assert (state['0.running_mean'], state['0.running_var']) == (
            [0.5],
            [2],
        )
        assert state['1.running_mean'] == [rank]
        assert state['1.running_var'] == [1 + 2 * rank]
        assert state['memory'] == [4 * rank]


class NormedDetector(small_training.NoisyDetector):
    """Has a norm that learns."""

    def __init__(self, **options):
        super().__init__(**options)
        self.backbone = nn.Sequential(self.backbone, nn.BatchNorm2d(8))


class Record(Hook):
    """Keeps the statistics of every validation."""

    def __init__(self):
        self.seen = []

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            state = runner.model.module.state_dict()
            self.seen.append(state['backbone.1.running_mean'].clone())


def trained(rank, folder):
    """The statistics of every validation, and of every checkpoint."""
    os.environ['LOCAL_RANK'] = str(rank)
    record = Record()
    model = dict(type=NormedDetector, data_preprocessor=PREPROCESSOR)
    with mock.patch.object(small_training, 'model_of', lambda kind: model):
        hooks = (NormStatisticsHook(), record)
        small_training.runner_of(
            folder, hooks=hooks, processes=2, keep=-1
        ).train()
    saved = [
        torch.load(folder / f'epoch_{k}.pth', weights_only=False)
        for k in (1, 2, 3)
    ]
    key = 'backbone.1.running_mean'
    return record.seen, [state['state_dict'][key] for state in saved]


@pytest.mark.slow
def test_what_is_saved_is_what_all_processes_validate(tmp_path):
    (first, saved), (second, _) = run_distributed(trained, tmp_path)
    assert len(first) == 3
    for one, other, kept in zip(first, second, saved):
        assert torch.equal(one, other) and torch.equal(one, kept)
