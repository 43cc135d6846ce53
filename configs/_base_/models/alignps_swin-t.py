"""AlignPS on Swin-T, ImageNet weights."""

_base_ = './alignps_r50.py'

swin = dict(
    type='StagedSwin',
    embed_dims=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained',
        checkpoint=(
            'https://github.com/SwinTransformer/storage/releases/download/'
            'v1.0.0/swin_tiny_patch4_window7_224.pth'
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
    # The first stage's map, at a quarter of the image, is not looked at.
    backbone=dict(_delete_=True, part='whole', out_indices=(1, 2, 3), **swin),
    neck=dict(in_channels=[192, 384, 768], start_level=0),
)
