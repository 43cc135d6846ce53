"""COAT on a thin ResNet-18, for small images from a random start."""

_base_ = ['./coat_r50-c4.py', './thin_r18-c4.py']

transformer = dict(
    in_channels=64, out_channels=128, embed_dims=64, num_heads=4
)
thin_embedding = dict(
    top=transformer,
    head=dict(in_channels=128, embed_dims=64, c4_channels=64),
)

model = dict(
    backbone=dict(
        depth=18,
        base_channels=16,
        c4_blocks=2,
        strides=(1, 2, 1),
        frozen_stages=-1,
        init_cfg=None,
    ),
    rpn_head={{_base_.thin.rpn_head}},
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=64,
            featmap_strides=[8],
            roi_layer=dict(output_size=(14, 7)),
        ),
        stages=dict(
            first=dict(top=transformer, head=dict(in_channels=128)),
            second=thin_embedding,
            third=thin_embedding,
        ),
    ),
    train_cfg={{_base_.thin.train_cfg}},
    test_cfg=dict(
        rpn={{_base_.thin.test_cfg.rpn}},
        rcnn=dict(
            first=dict(score_thr=0.05, max_per_img=30),
            second=dict(score_thr=0.05, max_per_img=30),
            score_thr=0.05,
            max_per_img=30,
        ),
    ),
)
