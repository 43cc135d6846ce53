"""24 epochs, ROI-AlignPS."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.0015, momentum=0.9, weight_decay=0.0005),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    # 1141 steps (an epoch of PRW), and one that mmengine counts in.
    dict(
        type='LinearLR',
        start_factor=1 / 200,
        by_epoch=False,
        begin=0,
        end=1142,
    ),
    dict(type='MultiStepLR', by_epoch=True, milestones=[16, 22], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=24, val_interval=8)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=5)
