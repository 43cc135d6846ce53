# Hybrid pre-training in full: three detection sets, three re-ID sets, and
# held-out pictures of one of each to watch it by.
_base_ = './pretrain_hybrid.py'
pretrain_identities = 2559  # Market-1501 751, MSMT17 1041, CUHK03 767
pretrain_queue_size = 5000
sources = dict(
    det=['crowdhuman', 'eurocity', 'citypersons'],
    reid=['market1501', 'msmt17', 'cuhk03'],
)
# In the order of the sources. A batch of 8 holds 4 scenes and 4 mosaics; the
# sets of street scenes are seen as often as their size justifies.
source_ratio = [2, 1.5, 0.5, 1.5, 1.5, 1]
data_root = _base_.data_root

train_dataloader = dict(
    sampler=dict(source_ratio=source_ratio),
    dataset=dict(
        num_identities=pretrain_identities,
        datasets=[
            dict(_base_.scenes, data_root=data_root + 'CrowdHuman/'),
            dict(_base_.scenes, data_root=data_root + 'ECP/'),
            dict(_base_.scenes, data_root=data_root + 'CityPersons/'),
            dict(_base_.mosaic, dataset=_base_.market1501),
            dict(_base_.mosaic, dataset=_base_.msmt17),
            dict(
                _base_.mosaic,
                dataset=dict(
                    _base_.crops, data_root=data_root + 'cuhk03_release/'
                ),
            ),
        ],
    ),
)

pack = dict(type='PackPersonSearchInputs')
held_out = dict(ann_file='prepared/test.json', test_mode=True)
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
                _base_.scenes,
                **held_out,
                indices=500,
                data_root=data_root + 'CrowdHuman/',
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='Resize', scale=(1500, 900), keep_ratio=True),
                    dict(type='LoadPersonAnnotations'),
                    pack,
                ],
            ),
            dict(
                _base_.mosaic,
                num_instances=1,
                pipeline=[pack],
                dataset=dict(_base_.market1501, ann_file='prepared/test.json'),
            ),
        ],
    ),
)
val_evaluator = dict(type='PretrainMonitor')
