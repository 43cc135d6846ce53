"""SeqNeXt with its filter on a thin ResNet-18, for small images."""

_base_ = ['./seqnext_r50-c4.py', './thin_r18-c4.py']

norm = dict(type='BN', requires_grad=True)
resnet = dict(
    depth=18, base_channels=16, c4_blocks=2, norm_cfg=norm, init_cfg=None
)
thin_top = dict(norm_eval=False, **resnet)

model = dict(
    backbone=dict(
        frozen_stages=-1, norm_eval=False, strides=(1, 2, 1), **resnet
    ),
    rpn_head={{_base_.thin.rpn_head}},
    roi_head=dict(
        bbox_roi_extractor=dict(
            out_channels=64,
            featmap_strides=[8],
            roi_layer=dict(output_size=(14, 7)),
        ),
        first_top=thin_top,
        first_head=dict(in_channels=128),
        shared_head=thin_top,
        bbox_head=dict(in_channels=128, embed_dims=128, c4_channels=64),
        loss_reid=dict(embed_dims=128),
        gallery_filter=dict(
            top=thin_top,
            embed_dims=128,
            pool_size=(14, 20),
            num_scenes=100,
        ),
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
