"""NAE on Swin-T, ImageNet weights."""

_base_ = './nae_r50-c4.py'

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
    backbone=dict(_delete_=True, part='stem', **swin),
    rpn_head=dict(in_channels=384, feat_channels=384),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=384),
        shared_head=dict(_delete_=True, part='top', **swin),
        bbox_head=dict(in_channels=768),
    ),
)
