"""SeqNet on CUHK-SYSU, from hybrid pre-training (a Caffe-style ResNet)."""

_base_ = './seqnet_r50-c4_1xb5-20e_cuhk-sysu.py'
# Written by tools/format_epoch_weights_for_pretraining.sh.
pretrained_backbone = (
    'work_dirs/hybrid-pretrain_r50_8xb8-90k_six-sources/'
    'pretrained_backbone.pth'
)

resnet = dict(
    style='caffe',
    init_cfg=dict(type='Pretrained', checkpoint=pretrained_backbone),
)
model = dict(
    data_preprocessor=dict(
        mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0], bgr_to_rgb=False
    ),
    backbone=resnet,
    roi_head=dict(first_top=resnet, shared_head=resnet),
)
