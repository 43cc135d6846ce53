"""A killed pre-training ends where an unbroken one ends."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import ConcatDataset

from tests.tiny_search_detector import (
    PREPROCESSOR,
    TinySearchDetector,
    make_sample,
)

SOURCES = dict(det=['street', 'square'], reid=['market', 'campus'])
KILLED_AT, MAX_ITERS = 5, 11


class BranchDataset(torch.utils.data.Dataset):
    """Images of one source, shifted in brightness at random."""

    metainfo = dict(classes=('person',))

    def __init__(self, branch, source, size):
        self.branch, self.source, self.size = branch, source, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        person_id = -1 if self.branch == 'det' else index % 5
        box = [8, 8, 24 + 3 * index, 60]
        image, sample = make_sample([box], [person_id], self.source)
        image = image // 2 + np.random.randint(0, 100)
        return {
            key: {b: value if b == self.branch else None for b in SOURCES}
            for key, value in dict(inputs=image, data_samples=sample).items()
        }


class NoisyDetector(TinySearchDetector):
    """Draws random numbers in training, as samplers of RoIs do."""

    def extract_feat(self, batch_inputs):
        (features,) = super().extract_feat(batch_inputs)
        return (features + 0.1 * torch.randn_like(features),)


class Killed(Exception):
    pass


class Recorder(Hook):
    def __init__(self, killed_at):
        self.killed_at = killed_at
        self.losses = []

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        self.losses.append(
            {
                k: float(v.detach())
                for k, v in outputs.items()
                if v.numel() == 1
            }
        )

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == self.killed_at:
            raise Killed


def runner(work_dir, name, resume=False, killed_at=None, num_workers=0):
    dataset = ConcatDataset(
        [
            BranchDataset(branch, source, size=4 + index)
            for branch, sources in SOURCES.items()
            for index, source in enumerate(sources)
        ]
    )
    recorder = Recorder(killed_at)
    return recorder, Runner(
        model=dict(
            type='HybridPretrainDetector',
            detector=dict(type=NoisyDetector, data_preprocessor=PREPROCESSOR),
            alignment=dict(
                type='IntraTaskAlignment',
                sources=SOURCES,
                image=dict(backbone=dict(in_channels=8)),
                instance=dict(in_channels=8),
                queue_size=4,
                hidden_channels=8,
            ),
        ),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=dataset,
            batch_size=6,
            num_workers=num_workers,
            sampler=dict(
                type='ResumableMultiSourceSampler',
                batch_size=6,
                source_ratio=[1, 1, 2, 1],
            ),
            collate_fn=dict(type='pseudo_collate'),
        ),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
            clip_grad=dict(max_norm=1.0),
        ),
        param_scheduler=dict(
            type='LinearLR', start_factor=0.1, by_epoch=False, end=MAX_ITERS
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=MAX_ITERS),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
            checked_load=dict(type='CheckedLoadHook'),
            logger=dict(type='LoggerHook', interval=100),
        ),
        custom_hooks=[dict(type='IterationSeedHook'), recorder],
        resume=resume,
        randomness=dict(seed=1),
        default_scope='mmdet',
        experiment_name=name,
        log_level='ERROR',
    )


def test_a_killed_pretraining_continues_with_the_same_losses(tmp_path):
    unbroken, whole = runner(tmp_path / 'a', 'unbroken')
    whole.train()
    killed, first = runner(tmp_path / 'b', 'killed', killed_at=KILLED_AT)
    with pytest.raises(Killed):
        first.train()
    resumed, second = runner(tmp_path / 'b', 'resumed', resume=True)
    second.train()
    saved = KILLED_AT - KILLED_AT % 2
    assert killed.losses == unbroken.losses[:KILLED_AT]
    assert resumed.losses == unbroken.losses[saved:]
    assert len(unbroken.losses) == MAX_ITERS
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key
