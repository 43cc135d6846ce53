"""SeqNeXt with the Gallery Filter Network, on ConvNeXt-B."""

_base_ = './seqnext_r50-c4.py'

convnext = dict(
    type='StagedConvNeXt',
    depths=(3, 3, 27, 3),
    dims=(128, 256, 512, 1024),
    drop_path_rate=0.5,  # that of torchvision's ConvNeXt-B
    frozen_stages=0,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='torchvision://convnext_base.imagenet1k_v1',
    ),
)

model = dict(
    backbone=dict(_delete_=True, part='stem', **convnext),
    rpn_head=dict(in_channels=512, feat_channels=512),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=512),
        first_top=dict(_delete_=True, part='top', **convnext),
        first_head=dict(in_channels=1024),
        shared_head=dict(_delete_=True, part='top', **convnext),
        bbox_head=dict(in_channels=1024, c4_channels=512),
        gallery_filter=dict(top=dict(_delete_=True, part='top', **convnext)),
    ),
)
