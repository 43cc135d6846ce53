"""90,000 steps of 8 GPUs with 8 pictures each, hybrid pre-training."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0005),
    clip_grad=dict(max_norm=10),
    # The domain classifiers must keep up with the features they judge.
    paramwise_cfg=dict(custom_keys=dict(alignment=dict(lr_mult=5))),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[60000, 80000],
        gamma=0.1,
    ),
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=90000, val_interval=10000
)
val_cfg = dict(type='ValLoop')
# 64 pictures a step; tools/train.py --auto-scale-lr with fewer GPUs.
auto_scale_lr = dict(base_batch_size=64)
