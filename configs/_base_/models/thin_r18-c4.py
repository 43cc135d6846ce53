"""What makes a two-stage method a thin ResNet-18 for small images.

OIM and NAE take all of it, BSL and SeqNet what they share with them.
"""

thin_resnet = dict(depth=18, base_channels=16, init_cfg=None)

# An eighth of the image: at 240 x 160 a person is some 60 pixels high.
thin = dict(
    backbone=dict(strides=(1, 2, 1), **thin_resnet),
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(
            sizes=[16, 24, 36, 54, 80], ratios=[3], stride=8
        ),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64, featmap_strides=[8]),
        shared_head=thin_resnet,
        bbox_head=dict(in_channels=128, embed_dims=128),
        loss_reid=dict(embed_dims=128),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=400, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=400, max_per_img=50),
        rcnn=dict(max_per_img=30),
    ),
)
