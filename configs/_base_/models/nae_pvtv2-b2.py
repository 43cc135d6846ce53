"""NAE on PVTv2-b2, ImageNet weights."""

_base_ = './nae_r50-c4.py'

pvt = dict(
    type='StagedPVT',
    embed_dims=64,
    num_layers=(3, 4, 6, 3),
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained',
        checkpoint=(
            'https://github.com/whai362/PVT/releases/download/v2/pvt_v2_b2.pth'
        ),
    ),
)

model = dict(
    # Weights of ImageNet: RGB in units of the standard deviation.
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(_delete_=True, part='stem', **pvt),
    rpn_head=dict(in_channels=320, feat_channels=320),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=320),
        shared_head=dict(_delete_=True, part='top', **pvt),
        bbox_head=dict(in_channels=512),
    ),
)
