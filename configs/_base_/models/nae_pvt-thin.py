"""NAE on a thin PVTv2, for small images from a random start."""

_base_ = ['./nae_r50-c4.py', './thin_r18-c4.py']

pvt = dict(
    type='StagedPVT',
    embed_dims=16,
    num_layers=(1, 1, 2, 1),
    num_heads=(1, 2, 4, 8),
    mlp_ratios=(4, 4, 4, 4),
    strides=(2, 2, 2, 2),  # an eighth of the image after the third stage
    drop_path_rate=0.0,
)

model = dict(
    _base_.thin,
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(_delete_=True, part='stem', **pvt),
    roi_head=dict(
        _base_.thin.roi_head,
        shared_head=dict(_delete_=True, part='top', **pvt),
    ),
)
