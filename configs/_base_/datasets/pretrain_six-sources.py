"""Hybrid pre-training: scenes with boxes out of three detection sets, crops
with identities out of three re-ID sets, and held-out pictures of one of each.

The crops come as mosaics, so that a batch of them has the shape of a scene.
"""

data_root = '{{$DATA_ROOT:data}}/'
num_identities = 2559  # Market-1501 751, MSMT17 1041, CUHK03 767
queue_size = 5000  # unlabelled persons that an identity memory holds
# The sources of each branch, in the order of the datasets below.
sources = dict(
    det=['crowdhuman', 'eurocity', 'citypersons'],
    reid=['market1501', 'msmt17', 'cuhk03'],
)

scenes = dict(
    type='PersonSearchDataset',
    ann_file='prepared/train.json',
    data_prefix=dict(img=''),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadPersonAnnotations'),
        dict(
            type='BranchViews',
            branch='det',
            num_views=2,  # for the two-view term; 1 without it
            transforms=[
                # Longer and shorter side of a picture at most, in pixels.
                dict(
                    type='RandomChoiceResize',
                    scales=[(667, 400), (1000, 600), (1333, 800)],
                    keep_ratio=True,
                ),
                dict(type='RandomFlip', prob=0.5),
                dict(type='PackPersonSearchInputs'),
            ],
        ),
    ],
)
crops = dict(
    type='ReIDCropDataset',
    ann_file='prepared/train.json',
    data_prefix=dict(img=''),
    pipeline=[dict(type='LoadImageFromFile')],
)
mosaic = dict(
    type='CropMosaicDataset',
    grid=(2, 4),  # rows and columns
    tile_size=(256, 128),  # height and width in pixels
    # Crops fill 0.6 to all of their tile, so that persons differ in size.
    scale_range=(0.6, 1.0),
    num_instances=2,  # crops of one identity in a mosaic
    # Every round shows all identities, in other company. 90,000 steps of 64
    # pictures take 7,700 rounds of Market-1501: no mosaic is seen twice.
    num_rounds=8000,
    pipeline=[
        dict(
            type='BranchViews',
            branch='reid',
            num_views=1,  # 2 for the two-view term, if it takes crops too
            transforms=[
                dict(type='RandomFlip', prob=0.5),
                dict(type='PackPersonSearchInputs'),
            ],
        ),
    ],
)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(
        type='ResumableMultiSourceSampler',
        batch_size=8,
        # Two kinds of batch take turns. Three scenes of two views each and
        # five mosaics make eleven images.
        source_ratio=[[2, 1, 0, 2, 2, 1], [1, 1, 1, 2, 2, 1]],
    ),
    dataset=dict(
        type='PersonConcatDataset',
        num_identities=num_identities,
        datasets=[
            dict(scenes, data_root=data_root + 'CrowdHuman/'),
            dict(scenes, data_root=data_root + 'ECP/'),
            dict(scenes, data_root=data_root + 'CityPersons/'),
            dict(
                mosaic,
                dataset=dict(
                    crops, data_root=data_root + 'Market-1501-v15.09.15/'
                ),
            ),
            dict(
                mosaic, dataset=dict(crops, data_root=data_root + 'MSMT17_V1/')
            ),
            dict(
                mosaic,
                dataset=dict(crops, data_root=data_root + 'cuhk03_release/'),
            ),
        ],
    ),
)

# Held-out scenes and crops, to watch the pre-training by.
held_out_scenes = dict(
    scenes,
    ann_file='prepared/test.json',
    test_mode=True,
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(1500, 900), keep_ratio=True),
        dict(type='LoadPersonAnnotations'),
        dict(type='PackPersonSearchInputs'),
    ],
)
held_out_crops = dict(crops, ann_file='prepared/test.json', test_mode=True)
held_out_mosaic = dict(
    mosaic,
    num_instances=1,
    num_rounds=1,  # each crop once
    pipeline=[dict(type='PackPersonSearchInputs')],
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PersonConcatDataset',
        datasets=[
            dict(
                held_out_scenes,
                indices=500,
                data_root=data_root + 'CrowdHuman/',
            ),
            dict(
                held_out_mosaic,
                dataset=dict(
                    held_out_crops,
                    data_root=data_root + 'Market-1501-v15.09.15/',
                ),
            ),
        ],
    ),
)
val_evaluator = dict(type='PretrainMonitor')
