"""BSL on PRW with a ResNet-101."""

_base_ = './bsl_r50-c4_1xb5-7e_prw.py'

resnet = dict(
    depth=101,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='open-mmlab://detectron2/resnet101_caffe',
    ),
)
model = dict(
    backbone=resnet,
    roi_head=dict(reid_head=dict(top=resnet)),
)
