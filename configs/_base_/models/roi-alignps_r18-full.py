"""ROI-AlignPS on a ResNet-18 of full width, ImageNet weights."""

_base_ = './roi-alignps_r50.py'
pretrained_backbone = 'torchvision://resnet18'
init_cfg = dict(type='Pretrained', checkpoint=pretrained_backbone)

model = dict(
    # torchvision's weights: RGB in units of the standard deviation.
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(depth=18, style='pytorch', init_cfg=init_cfg),
    neck=dict(in_channels=[64, 128, 256, 512]),
    rpn_head=dict(in_channels=256, feat_channels=256),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=256),
        shared_head=dict(depth=18, c4_blocks=2, init_cfg=init_cfg),
        bbox_head=dict(in_channels=512, c4_channels=256),
    ),
)
