"""SeqNet on ConvNeXt-T, ImageNet weights."""

_base_ = './seqnet_r50-c4.py'

# Its first layers are frozen, as in SeqNeXt.
convnext = dict(
    type='StagedConvNeXt',
    depths=(3, 3, 9, 3),
    dims=(96, 192, 384, 768),
    frozen_stages=0,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='torchvision://convnext_tiny.imagenet1k_v1',
    ),
)

model = dict(
    backbone=dict(_delete_=True, part='stem', **convnext),
    rpn_head=dict(in_channels=384, feat_channels=384),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=384),
        first_top=dict(_delete_=True, part='top', **convnext),
        first_head=dict(in_channels=768),
        shared_head=dict(_delete_=True, part='top', **convnext),
        bbox_head=dict(in_channels=768, c4_channels=384),
    ),
)
