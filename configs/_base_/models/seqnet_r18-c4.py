"""SeqNet on a thin ResNet-18, for small images from a random start."""

_base_ = ['./seqnet_r50-c4.py', './thin_r18-c4.py']

resnet = dict(depth=18, base_channels=16, c4_blocks=2, init_cfg=None)

model = dict(
    backbone=dict(frozen_stages=-1, strides=(1, 2, 1), **resnet),
    rpn_head={{_base_.thin.rpn_head}},
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=64,
            featmap_strides=[8],
            roi_layer=dict(output_size=(14, 7)),
        ),
        first_top=resnet,
        first_head=dict(in_channels=128),
        shared_head=resnet,
        bbox_head=dict(in_channels=128, embed_dims=128, c4_channels=64),
        loss_reid=dict(embed_dims=128),
    ),
    train_cfg={{_base_.thin.train_cfg}},
    test_cfg=dict(
        rpn={{_base_.thin.test_cfg.rpn}},
        rcnn=dict(
            first=dict(score_thr=0.05, max_per_img=30),
            score_thr=0.05,
            max_per_img=30,
        ),
    ),
)
