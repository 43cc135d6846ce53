"""24 epochs, AlignPS on CUHK-SYSU."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0001),
    # The biases of norms and offsets are learnt like weights, as they were
    # under mmcv 1; mmengine needs norm_decay_mult for it.
    paramwise_cfg=dict(
        bias_lr_mult=2.0, bias_decay_mult=0.0, norm_decay_mult=1.0
    ),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    # 500 steps, one more because mmengine counts the last one in.
    dict(
        type='LinearLR', start_factor=1 / 3, by_epoch=False, begin=0, end=501
    ),
    dict(type='MultiStepLR', by_epoch=True, milestones=[16, 22], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=24, val_interval=8)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=4)
