"""Thirty epochs of Adam, SeqNeXt on ConvNeXt.

The rate rises for one epoch here, for at most 1000 steps as published.
"""

# Square crops of pictures of one size.
feeding = dict(
    drop_last=True,
    batch_sampler=None,
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPersonAnnotations'),
            dict(
                type='RandomChoiceResize',
                scales=[(1500, 900)],
                keep_ratio=True,
            ),
            dict(
                type='RandomChoice',
                transforms=[
                    dict(type='RandomFocusedCrop', size=640),
                    dict(type='RandomSafeCrop', size=640),
                ],
            ),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackPersonSearchInputs'),
        ],
    ),
)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-4),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.001,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(type='MultiStepLR', by_epoch=True, milestones=[15, 25], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=8)
