# Loader and pipeline common to all re-ID sets: a crop is a scene with one
# box that fills the image.
crop_size = (128, 256)  # width and height
batch_size = 64
num_workers = 4

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackPersonSearchInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    sampler=dict(
        type='IdentitySampler', batch_size=batch_size, num_instances=4
    ),
    dataset=dict(
        type='ReIDCropDataset',
        ann_file='prepared/train.json',
        data_prefix=dict(img=''),
        pipeline=train_pipeline,
    ),
)
