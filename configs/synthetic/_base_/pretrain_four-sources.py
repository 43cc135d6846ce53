"""Hybrid pre-training on the small pictures of `tools/make_synthetic.py --size
quick`: two sources of scenes, two of crops, in every batch."""

_base_ = '../../_base_/datasets/pretrain_six-sources.py'
data_root = '{{$DATA_ROOT:data}}/'
num_identities = 500  # 250 of each re-ID source, at most
queue_size = 256  # unlabelled persons that an identity memory holds
sources = dict(
    det=['crowdhuman', 'crowdhuman-2'], reid=['market1501', 'msmt17']
)

_base_.scenes.pipeline[2].transforms[0].scales = [
    (208, 128), (256, 160), (304, 192),
]  # fmt: skip
# The files of two views set 2.
_base_.scenes.pipeline[2].num_views = 1
_base_.held_out_scenes.pipeline[1].scale = (256, 160)
small = dict(grid=(2, 5), tile_size=(80, 40))

# Loading in the main process: these pictures are read in a millisecond.
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    sampler=dict(source_ratio=[2, 2, 2, 2]),
    dataset=dict(
        num_identities=None,  # smaller sizes have fewer
        datasets=[
            dict(_base_.scenes, data_root=data_root + 'CrowdHuman/'),
            dict(_base_.scenes, data_root=data_root + 'CrowdHuman-2/'),
            dict(
                _base_.mosaic,
                **small,
                num_rounds=50,
                dataset=dict(
                    _base_.crops,
                    data_root=data_root + 'Market-1501-v15.09.15/',
                ),
            ),
            dict(
                _base_.mosaic,
                **small,
                num_rounds=50,
                dataset=dict(_base_.crops, data_root=data_root + 'MSMT17_V1/'),
            ),
        ],
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        datasets=[
            dict(_base_.held_out_scenes, data_root=data_root + 'CrowdHuman/'),
            dict(
                _base_.held_out_scenes, data_root=data_root + 'CrowdHuman-2/'
            ),
            dict(
                _base_.held_out_mosaic,
                **small,
                dataset=dict(
                    _base_.held_out_crops,
                    data_root=data_root + 'Market-1501-v15.09.15/',
                ),
            ),
            dict(
                _base_.held_out_mosaic,
                **small,
                dataset=dict(
                    _base_.held_out_crops, data_root=data_root + 'MSMT17_V1/'
                ),
            ),
        ],
    ),
)
