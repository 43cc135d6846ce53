# Loaders and pipelines common to all person-search sets; each set's file
# adds its folder and its protocol. Published recipe of AlignPS: one of six
# sizes per training image, one size in testing, long and short side at most.
train_scales = [(667, 400), (1000, 600), (1333, 800), (1500, 900),
                (1666, 1000), (2000, 1200)]  # fmt: skip
test_scale = (1500, 900)
batch_size = 4
num_workers = 4

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    dict(type='RandomChoiceResize', scales=train_scales, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackPersonSearchInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=test_scale, keep_ratio=True),
    # After Resize: boxes of a test sample are in pixels of the original.
    dict(type='LoadPersonAnnotations'),
    dict(type='PackPersonSearchInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type='PersonSearchDataset',
        ann_file='prepared/train.json',
        data_prefix=dict(img=''),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=num_workers,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PersonSearchDataset',
        ann_file='prepared/test.json',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
