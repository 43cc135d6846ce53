"""Scenes with boxes: loaders that the files of single sets start from."""

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type='PersonSearchDataset',
        ann_file='prepared/train.json',
        data_prefix=dict(img=''),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPersonAnnotations'),
            # One of six sizes per picture, as AlignPS is trained.
            dict(
                type='RandomChoiceResize',
                scales=[
                    (667, 400),
                    (1000, 600),
                    (1333, 800),
                    (1500, 900),
                    (1666, 1000),
                    (2000, 1200),
                ],
                keep_ratio=True,
            ),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackPersonSearchInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PersonSearchDataset',
        ann_file='prepared/test.json',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(1500, 900), keep_ratio=True),
            # After Resize: test boxes are in pixels of the original picture.
            dict(type='LoadPersonAnnotations'),
            dict(type='PackPersonSearchInputs'),
        ],
    ),
)
val_dataloader = test_dataloader
