"""NAE on a thin ConvNeXt, for small images from a random start."""

_base_ = ['./nae_r50-c4.py', './thin_r18-c4.py']

convnext = dict(
    type='StagedConvNeXt',
    depths=(1, 1, 2, 1),
    dims=(16, 32, 64, 128),
    ls_init_value=0.1,  # a short training starts from blocks that count
    output_stride=8,
)

model = dict(
    _base_.thin,
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(_delete_=True, part='stem', **convnext),
    roi_head=dict(
        _base_.thin.roi_head,
        shared_head=dict(_delete_=True, part='top', **convnext),
    ),
)
