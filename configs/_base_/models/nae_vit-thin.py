"""NAE on a thin plain transformer, for small images from a random start."""

_base_ = ['./nae_r50-c4.py', './thin_r18-c4.py']

vit = dict(
    type='StagedViT',
    architecture='vit_small_patch16_dinov3',
    options=dict(
        patch_size=8, embed_dim=64, depth=4, num_heads=4, init_values=0.1
    ),
    top_blocks=1,
)

model = dict(
    _base_.thin,
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(_delete_=True, part='stem', **vit),
    roi_head=dict(
        _base_.thin.roi_head,
        shared_head=dict(_delete_=True, part='top', **vit),
        bbox_head=dict(_base_.thin.roi_head.bbox_head, in_channels=64),
    ),
)
