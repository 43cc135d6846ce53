"""Seven epochs of deep-person-search: one SGD (OIM, NAE)."""

# Every picture with an identity, and its mirrored copy, once an epoch.
feeding = dict(
    drop_last=True,
    batch_sampler=None,
    dataset=dict(
        flipped_copies=True,
        filter_cfg=dict(filter_unlabelled=True),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPersonAnnotations'),
            # More than one scale here is multi-scale training.
            dict(
                type='RandomChoiceResize',
                scales=[(1000, 600)],
                keep_ratio=True,
            ),
            dict(type='FlipCopies'),
            dict(type='PackPersonSearchInputs'),
        ],
    ),
)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.003, momentum=0.9, weight_decay=1e-4),
    # No decay of any bias, those of the norms included.
    paramwise_cfg=dict(custom_keys={'.bias': dict(decay_mult=0.0)}),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    # Their milestone 4 is counted after the warm-up: epoch 5 from the start.
    dict(type='MultiStepLR', by_epoch=True, milestones=[5], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7, val_interval=7)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=5)
