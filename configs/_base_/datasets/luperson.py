# LUPerson, crops without identities, in an LMDB: python tools/prepare_data.py
# luperson data/LUPerson
_base_ = './reid_crops.py'
data_root = '{{$DATA_ROOT:data}}/LUPerson/'
crop_size = (128, 256)  # width and height

train_pipeline = [
    dict(
        type='LoadImageFromFile',
        backend_args=dict(backend='lmdb', db_path=data_root + 'lmdb'),
    ),
    dict(type='LoadPersonAnnotations'),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackPersonSearchInputs'),
]
train_dataloader = dict(
    # There are no identities to group by.
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
