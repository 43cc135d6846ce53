"""ROI-AlignPS on ShuffleNet V1 (3 groups), ImageNet weights."""

_base_ = './roi-alignps_r50.py'
pretrained_backbone = (
    'https://download.openmmlab.com/mmclassification/v0/shufflenet_v1/'
    'shufflenet_v1_batch1024_imagenet_20200804-5d6cec73.pth'
)
init_cfg = dict(
    type='Pretrained', checkpoint=pretrained_backbone, prefix='backbone.'
)
norm_cfg = dict(type='BN', requires_grad=False)

model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        _delete_=True,
        type='ShuffleNetV1',
        out_indices=(0, 1, 2),
        frozen_stages=0,
        norm_cfg=norm_cfg,
        norm_eval=True,
        init_cfg=init_cfg,
    ),
    # Its three stages have the strides of the last three of a ResNet.
    neck=dict(in_channels=[240, 480, 960], start_level=0),
    roi_stage=1,
    rpn_head=dict(in_channels=480, feat_channels=480),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=480),
        shared_head=dict(
            _delete_=True,
            type='ShuffleNetV1Top',
            norm_cfg=norm_cfg,
            init_cfg=init_cfg,
        ),
        bbox_head=dict(in_channels=960, c4_channels=480),
    ),
)
