# Hybrid pre-training on the small pictures of `tools/make_synthetic.py --size
# quick`: two sources of scenes, two of crops, in every batch.
_base_ = ['../../_base_/default_runtime.py']
data_root = '{{$DATA_ROOT:data}}/'
branches = ['det', 'reid']
train_scales = [(208, 128), (256, 160), (304, 192)]
batch_size = 8
source_ratio = [2, 2, 2, 2]
crop_grid = (2, 5)
crop_size = (80, 40)
pretrain_identities = 500  # 250 of each re-ID source, at most
pretrain_queue_size = 256
max_iters = 300

det_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    dict(type='RandomChoiceResize', scales=train_scales, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='MultiBranch',
        branch_field=branches,
        det=dict(type='PackPersonSearchInputs'),
    ),
]
reid_pipeline = [
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='MultiBranch',
        branch_field=branches,
        reid=dict(type='PackPersonSearchInputs'),
    ),
]
scenes = dict(
    type='PersonSearchDataset',
    ann_file='prepared/train.json',
    data_prefix=dict(img=''),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=det_pipeline,
)
crops = dict(
    type='ReIDCropDataset',
    ann_file='prepared/train.json',
    data_prefix=dict(img=''),
    pipeline=[dict(type='LoadImageFromFile')],
)
mosaic = dict(
    type='CropMosaicDataset',
    grid=crop_grid,
    tile_size=crop_size,
    scale_range=(0.6, 1.0),
    num_instances=2,
    num_rounds=50,
    pipeline=reid_pipeline,
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(
        type='ResumableMultiSourceSampler',
        batch_size=batch_size,
        source_ratio=source_ratio,
    ),
    dataset=dict(
        type='PersonConcatDataset',
        datasets=[
            dict(scenes, data_root=data_root + 'CrowdHuman/'),
            dict(scenes, data_root=data_root + 'CrowdHuman-2/'),
            dict(
                mosaic,
                dataset=dict(
                    crops, data_root=data_root + 'Market-1501-v15.09.15/'
                ),
            ),
            dict(
                mosaic,
                dataset=dict(crops, data_root=data_root + 'MSMT17_V1/'),
            ),
        ],
    ),
)
# Held-out scenes and crops of each source, to watch the pre-training by.
pack = dict(type='PackPersonSearchInputs')
held_out_scenes = dict(
    scenes,
    ann_file='prepared/test.json',
    test_mode=True,
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(256, 160), keep_ratio=True),
        dict(type='LoadPersonAnnotations'),
        pack,
    ],
)
held_out_crops = dict(
    mosaic,
    num_instances=1,
    num_rounds=1,
    pipeline=[pack],
)
test_crops = dict(crops, ann_file='prepared/test.json')
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PersonConcatDataset',
        datasets=[
            dict(held_out_scenes, data_root=data_root + 'CrowdHuman/'),
            dict(held_out_scenes, data_root=data_root + 'CrowdHuman-2/'),
            dict(
                held_out_crops,
                dataset=dict(
                    test_crops, data_root=data_root + 'Market-1501-v15.09.15/'
                ),
            ),
            dict(
                held_out_crops,
                dataset=dict(test_crops, data_root=data_root + 'MSMT17_V1/'),
            ),
        ],
    ),
)
val_evaluator = dict(type='PretrainMonitor')
val_cfg = dict(type='ValLoop')
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=150
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10, norm_type=2),
    # The domain classifiers must keep up with the features they judge.
    paramwise_cfg=dict(custom_keys=dict(alignment=dict(lr_mult=5))),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=30,
        end=max_iters,
        T_max=max_iters - 30,
        eta_min_ratio=0.02,
    ),
]
sources = dict(
    det=['crowdhuman', 'crowdhuman-2'], reid=['market1501', 'msmt17']
)
alignment_weight = 0.1
alignment_queue = 64
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(
        _delete_=True,
        type='WholeCheckpointHook',
        by_epoch=False,
        interval=100,
        max_keep_ckpts=1,
    ),
)
custom_hooks = [
    dict(type='CheckInvalidLossHook', interval=50),
    dict(type='IterationSeedHook'),
]
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
