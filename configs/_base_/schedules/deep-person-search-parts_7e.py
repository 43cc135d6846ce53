"""Seven epochs of deep-person-search: SGD to detect, Adam to re-identify."""

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
    constructor='PartsOptimWrapperConstructor',
    parts=dict(
        det=dict(
            optimizer=dict(
                type='SGD', lr=0.003, momentum=0.9, weight_decay=1e-4
            ),
            bias=dict(weight_decay=0.0),
        ),
        reid=dict(
            modules=['SeparatedReIDHead'],
            optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=1e-4),
        ),
    ),
)
warm_up = dict(
    type='LinearLR',
    start_factor=0.01,
    by_epoch=True,
    begin=0,
    end=1,
    convert_to_iter_based=True,
)
# Re-ID has milestones 5 and 6 after the warm-up; seven epochs see the first.
param_scheduler = dict(
    det=[
        warm_up,
        dict(type='MultiStepLR', by_epoch=True, milestones=[5], gamma=0.1),
    ],
    reid=[
        warm_up,
        dict(type='MultiStepLR', by_epoch=True, milestones=[6, 7], gamma=0.1),
    ],
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7, val_interval=7)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=5)
