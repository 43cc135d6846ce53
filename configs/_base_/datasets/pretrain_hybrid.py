# Hybrid pre-training: scenes with boxes (CrowdHuman) and crops with
# identities (Market-1501, MSMT17) in every batch. The crops come as mosaics,
# so that a batch of them has the shape of a scene.
data_root = '{{$DATA_ROOT:data}}/'
train_scales = [(667, 400), (1000, 600), (1333, 800)]
crop_grid = (2, 4)  # rows and columns of a mosaic
crop_size = (256, 128)  # height and width of its tiles
batch_size = 8
source_ratio = [4, 2, 2]  # scenes, Market-1501, MSMT17
num_workers = 4
branches = ['det', 'reid']

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
    num_instances=2,
    pipeline=reid_pipeline,
)
crowdhuman = dict(scenes, data_root=data_root + 'CrowdHuman/')
market1501 = dict(crops, data_root=data_root + 'Market-1501-v15.09.15/')
msmt17 = dict(crops, data_root=data_root + 'MSMT17_V1/')

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    sampler=dict(
        type='ResumableMultiSourceSampler',
        batch_size=batch_size,
        source_ratio=source_ratio,
    ),
    dataset=dict(
        type='PersonConcatDataset',
        datasets=[
            crowdhuman,
            dict(mosaic, dataset=market1501),
            dict(mosaic, dataset=msmt17),
        ],
    ),
)
