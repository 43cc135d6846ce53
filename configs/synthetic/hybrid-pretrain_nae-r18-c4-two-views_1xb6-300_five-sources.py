"""Hybrid pre-training of a thin NAE on synthetic sets and on real scenes.

The real scenes are those of MOT17 or of your own footage, prepared for
training alone: python tools/prepare_data.py mot data/MOT17 --option split=time
--option train_share=1
"""

_base_ = [
    './_base_/pretrain_four-sources.py',
    '../_base_/models/nae_r18-c4.py',
    './_base_/small_pictures.py',
]
_base_.sources.det.append('mot')

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
# Two scenes of two views and four mosaics make a batch of eight images.
_base_.train_dataloader.batch_size = 6  # pictures per step
_base_.train_dataloader.sampler.batch_size = 6  # the same
# Shares of CrowdHuman, CrowdHuman-2, Market-1501, MSMT17 and MOT17, for two
# kinds of batch that take turns.
_base_.train_dataloader.sampler.source_ratio = [
    [1, 0, 2, 2, 1], [0, 1, 2, 2, 1],
]  # fmt: skip
# Views of each scene.
_base_.train_dataloader.dataset.datasets[0].pipeline[2].num_views = 2
_base_.train_dataloader.dataset.datasets[1].pipeline[2].num_views = 2
_base_.optim_wrapper.optimizer.lr = 1e-3  # for 6 pictures per step
_base_.train_cfg.max_iters = 300  # steps
_base_.train_cfg.val_interval = 150  # steps
# The rate rises for 30 steps and falls along a cosine for the other 270.
_base_.param_scheduler[1].end = 300
_base_.param_scheduler[1].T_max = 270

# The scenes of video beside the synthetic sources.
train_dataloader = dict(
    dataset=dict(
        datasets=[
            *_base_.train_dataloader.dataset.datasets,
            dict(
                _base_.scenes,
                data_root=_base_.data_root + 'MOT17/',
                pipeline=[
                    *_base_.scenes.pipeline[:2],
                    # Persons in a street are small: squares around them.
                    dict(type='Resize', scale=(640, 360), keep_ratio=True),
                    dict(type='RandomFocusedCrop', size=160),
                    dict(_base_.scenes.pipeline[2], num_views=2),
                ],
            ),
        ],
    ),
)
model = dict(
    _delete_=True,
    type='HybridPretrainDetector',
    detector=_base_.model,
    # Labelled persons of all sources: those of the crops, and of the scenes.
    num_identities=_base_.num_identities + 100,
    queue_size=_base_.queue_size,  # unlabelled persons to remember
    two_views=dict(weight=1.0),
    alignment=dict(
        type='IntraTaskAlignment',
        sources=_base_.sources,
        image=dict(backbone=dict(in_channels=64)),
        instance=dict(in_channels=128),
        weight=0.1,
        queue_size=64,
        hidden_channels=64,
    ),
)
# The domain classifiers must keep up with the features they judge.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(alignment=dict(lr_mult=5)))
)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
custom_hooks = [
    dict(type='FiniteLossHook', interval=50),
    # A resumed run draws the random numbers of an unbroken one.
    dict(type='IterationSeedHook'),
]
test_cfg = None  # there is nothing to test
