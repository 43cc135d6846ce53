"""Trainings of a few steps in processes that can be killed."""

import itertools
import multiprocessing
import os
import random
import signal
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdet_ps.utils.work_folder import latest_checkpoint
from tests.distributed import free_port
from tests.tiny_search_detector import (
    PREPROCESSOR,
    TinySearchDetector,
    make_sample,
)

SOURCES = dict(det=['street', 'square'], reid=['market', 'campus'])
SIZE = 14
STEPS = 12
RUNS = itertools.count()


class Scenes(torch.utils.data.Dataset):
    """Images, shifted in brightness by every source of random numbers."""

    metainfo = dict(classes=('person',))

    def __init__(self, size=SIZE, source='street', branch=None):
        self.size, self.source, self.branch = size, source, branch

    def __len__(self):
        return self.size

    def get_data_info(self, index):
        return dict(width=64 + index % 3 - 1, height=64)

    def __getitem__(self, index):
        person_id = -1 if self.branch == 'det' else index % 5
        box = [8, 8, 24 + 2 * index, 60]
        image, sample = make_sample([box], [person_id], self.source)
        shift = np.random.randint(0, 30) + random.randrange(30)
        image = image // 2 + shift + int(torch.randint(30, ()))
        item = dict(inputs=image, data_samples=sample)
        if self.branch is None:
            return item
        return {
            key: {b: value if b == self.branch else None for b in SOURCES}
            for key, value in item.items()
        }


class Patches(torch.nn.Conv2d):
    """A type of its own, to give it an optimizer of its own."""


class NoisyDetector(TinySearchDetector):
    """Draws random numbers in training and in testing."""

    def __init__(self, **options):
        super().__init__(**options)
        self.backbone = Patches(3, 8, 8, stride=8)

    def extract_feat(self, batch_inputs):
        (features,) = super().extract_feat(batch_inputs)
        return (features + 0.1 * torch.randn_like(features),)


class Brightness(BaseMetric):
    """A number that depends on the weights, so that the best one changes."""

    default_prefix = 'search'

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            rows = sample['pred_instances']['embeddings']
            self.results.append(float(rows[:, 0].mean()))

    def compute_metrics(self, results):
        return dict(mAP=sum(results) / len(results))


class KillHook(Hook):
    """Ends the process by SIGKILL at a moment.

    Args:
        moment: ('step', N), ('validation', N) or ('write', N): before the
            N-th renaming of a checkpoint; ('rename', N): after it.
    """

    def __init__(self, moment):
        self.kind, self.number = moment
        self.renamed = 0
        if self.kind in ('write', 'rename'):
            self.replace, os.replace = os.replace, self.count

    def count(self, source, target):
        is_checkpoint = str(target).endswith('.pth')
        self.renamed += is_checkpoint
        due = is_checkpoint and self.renamed == self.number
        if due and self.kind == 'write':
            kill()
        self.replace(source, target)
        if due and self.kind == 'rename':
            kill()

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if (self.kind, self.number) == ('step', runner.iter):
            kill()

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if (self.kind, self.number) == ('validation', runner.iter):
            kill()


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def loop_of(kind):
    """The training loop, its loader and its checkpoints, of a training."""
    if kind == 'pretrain':
        datasets = [
            Scenes(4 + index, source, branch)
            for branch, sources in SOURCES.items()
            for index, source in enumerate(sources)
        ]
        return dict(
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=STEPS),
            loader=dict(
                batch_size=6,
                dataset=torch.utils.data.ConcatDataset(datasets),
                sampler=dict(
                    type='ResumableMultiSourceSampler',
                    batch_size=6,
                    source_ratio=[1, 1, 2, 1],
                ),
            ),
        )
    if kind == 'iterations':
        return dict(
            train_cfg=dict(
                type='IterBasedTrainLoop', max_iters=STEPS, val_interval=4
            ),
            loader=dict(
                dataset=Scenes(), sampler=dict(type='InfiniteSampler')
            ),
        )
    # Three epochs of four steps.
    return dict(
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=3),
        loader=dict(
            dataset=Scenes(),
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='AspectRatioBatchSampler'),
        ),
    )


def model_of(kind):
    detector = dict(type=NoisyDetector, data_preprocessor=PREPROCESSOR)
    if kind != 'pretrain':
        return detector
    return dict(
        type='HybridPretrainDetector',
        detector=detector,
        alignment=dict(
            type='IntraTaskAlignment',
            sources=SOURCES,
            image=dict(backbone=dict(in_channels=8)),
            instance=dict(in_channels=8),
            queue_size=4,
            hidden_channels=8,
        ),
    )


def optimizers_of(parts, accumulate, amp):
    sgd = dict(type='SGD', lr=0.05, momentum=0.9)
    cfg = dict(clip_grad=dict(max_norm=1.0), accumulative_counts=accumulate)
    if amp:
        # The first steps overflow.
        scale = dict(init_scale=2.0**16, growth_interval=3)
        cfg.update(
            type='MixedPrecisionOptimWrapper', dtype=amp, loss_scale=scale
        )
    schedule = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=STEPS)
    ]
    if not parts:
        return dict(cfg, optimizer=sgd), schedule
    both = dict(
        det=dict(optimizer=sgd),
        reid=dict(modules=[Patches], optimizer=dict(type='Adam', lr=0.01)),
    )
    return (
        dict(cfg, constructor='PartsOptimWrapperConstructor', parts=both),
        dict(det=schedule, reid=schedule),
    )


def runner_of(
    work_dir,
    kind='epochs',
    num_workers=0,
    by_epoch=None,
    interval=1,
    keep=1,
    parts=False,
    accumulate=1,
    ema=False,
    amp=None,
    seed=1,
    checkpoint_hook='WholeCheckpointHook',
    hooks=(),
    resume=False,
    processes=1,
):
    """A runner of a few steps; see the options of the tests."""
    loop = loop_of(kind)
    by_epoch = kind == 'epochs' if by_epoch is None else by_epoch
    optim_wrapper, schedule = optimizers_of(parts, accumulate, amp)
    loader = dict(
        dict(batch_size=4, collate_fn=dict(type='pseudo_collate')),
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        **loop['loader'],
    )
    custom_hooks = list(hooks)
    if kind == 'pretrain':
        custom_hooks.append(dict(type='IterationSeedHook'))
    if ema:
        custom_hooks.append(dict(type='EMAHook', momentum=0.1))
    validation = kind != 'pretrain'
    return Runner(
        model=model_of(kind),
        work_dir=str(work_dir),
        train_dataloader=loader,
        optim_wrapper=optim_wrapper,
        param_scheduler=schedule,
        train_cfg=loop['train_cfg'],
        val_dataloader=dict(
            batch_size=2,
            dataset=Scenes(4),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        )
        if validation
        else None,
        val_cfg=dict(type='ValLoop') if validation else None,
        val_evaluator=dict(type=Brightness) if validation else None,
        default_hooks=dict(
            checkpoint=dict(
                type=checkpoint_hook,
                interval=interval,
                by_epoch=by_epoch,
                max_keep_ckpts=keep,
                save_best='search/mAP' if validation else None,
                rule='greater' if validation else None,
            ),
            checked_load=dict(type='CheckedLoadHook'),
            exact_resume=dict(type='ExactResumeHook'),
            logger=dict(type='LoggerHook', interval=100),
        ),
        custom_hooks=custom_hooks,
        resume=resume,
        launcher='none' if processes == 1 else 'pytorch',
        cfg=dict(
            model_wrapper_cfg=dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
            )
        ),
        randomness=dict(seed=seed),
        default_scope='mmdet',
        # Runs of one name share their message hub, the best score included.
        experiment_name=f'small-{next(RUNS)}',
        log_level='ERROR',
    )


def _run(rank, port, work_dir, moment, options):
    torch.set_num_threads(1)
    processes = options.get('processes', 1)
    if processes > 1:
        os.environ['LOCAL_RANK'] = str(rank)
        torch.distributed.init_process_group(
            'gloo',
            init_method=f'tcp://127.0.0.1:{port}',
            rank=rank,
            world_size=processes,
        )
    hooks = [KillHook(moment)] if moment else []
    runner_of(work_dir, hooks=hooks, **options).train()


def train(work_dir, moment=None, **options):
    """Train in processes of its own, and return the first one's exit code."""
    port = free_port()
    processes = [
        multiprocessing.get_context('fork').Process(
            target=_run, args=(rank, port, work_dir, moment, options)
        )
        for rank in range(options.get('processes', 1))
    ]
    for process in processes:
        process.start()
    processes[0].join()
    for process in processes[1:]:
        if processes[0].exitcode:
            process.kill()
        process.join()
    return processes[0].exitcode


def end_of(work_dir):
    """What the newest checkpoint holds, but for times and texts."""
    path = latest_checkpoint(work_dir)
    content = torch.load(path, weights_only=False)
    meta = content.pop('meta')
    content['meta'] = {key: meta[key] for key in ('epoch', 'iter')}
    content['random_states'] = content.pop('exact_resume')['random_states']
    del content['message_hub']
    return content


def differences(first, second, name=''):
    """Names of the entries of nested containers that are not the same."""
    if isinstance(first, torch.Tensor):
        same = torch.equal(first, second)
        return [] if same else [name]
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [f'keys of {name}']
        pairs = [(k, first[k], second[k]) for k in first]
    elif isinstance(first, list | tuple):
        if len(first) != len(second):
            return [f'length of {name}']
        pairs = [(k, *pair) for k, pair in enumerate(zip(first, second))]
    else:
        return [] if first == second else [name]
    return [
        found
        for key, a, b in pairs
        for found in differences(a, b, f'{name}.{key}')
    ]


def seed_of(work_dir):
    """The seed with which a training was begun."""
    path = latest_checkpoint(Path(work_dir))
    return torch.load(path, weights_only=False)['meta']['seed']
