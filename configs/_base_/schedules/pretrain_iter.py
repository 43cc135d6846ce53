"""90,000 steps of 8 GPUs with 8 pictures each, hybrid pre-training."""

_base_ = '../default_runtime.py'

max_iters = 90000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10000
)
val_cfg = dict(type='ValLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0005),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        begin=0,
        end=max_iters,
        milestones=[60000, 80000],
        gamma=0.1,
    ),
]
# 64 pictures a step; tools/train.py --auto-scale-lr with fewer GPUs.
auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        by_epoch=False,
        interval=5000,
        save_best='monitor/reid_mAP',
        rule='greater',
    ),
)
custom_hooks = [
    dict(type='CheckInvalidLossHook', interval=50),
    # A resumed run draws the random numbers of an unbroken one.
    dict(type='IterationSeedHook'),
]
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
