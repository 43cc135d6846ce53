"""Twenty epochs of AdamW, for transformers and ConvNeXt.

The rate and the decay are those of detectors on Swin (Liu et al., ICCV 2021,
section 4.2), the rate also that of SeqNeXt (4 pictures per step); epochs and
milestone are those of SeqNet.
"""

# At one size, in batches of any shape of picture.
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
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackPersonSearchInputs'),
        ],
    ),
)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    # No decay of what is no matrix: norms, biases, tables of positions, scales
    # of layers.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys=dict(
            relative_position_bias_table=dict(decay_mult=0.0),
            pos_embed=dict(decay_mult=0.0),
            gamma=dict(decay_mult=0.0),
            in_proj_bias=dict(decay_mult=0.0),
        ),
    ),
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
    dict(type='MultiStepLR', by_epoch=True, milestones=[16], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=4)
