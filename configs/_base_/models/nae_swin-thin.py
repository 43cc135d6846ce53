"""NAE on a thin Swin, for small images from a random start."""

_base_ = ['./nae_r50-c4.py', './thin_r18-c4.py']

swin = dict(
    type='StagedSwin',
    embed_dims=16,
    depths=(1, 1, 2, 1),
    num_heads=(1, 2, 4, 8),
    patch_size=2,  # an eighth of the image after the third stage
    drop_path_rate=0.0,
)

model = dict(
    _base_.thin,
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(_delete_=True, part='stem', **swin),
    roi_head=dict(
        _base_.thin.roi_head,
        shared_head=dict(_delete_=True, part='top', **swin),
    ),
)
