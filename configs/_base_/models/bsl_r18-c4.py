"""BSL on a thin ResNet-18, for small images from a random start."""

_base_ = ['./bsl_r50-c4.py', './thin_r18-c4.py']

resnet = dict(depth=18, base_channels=16, init_cfg=None)

model = dict(
    # Nothing is frozen: there are no pre-trained statistics to keep.
    backbone=dict(
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=dict(requires_grad=True),
        strides=(1, 2, 1),
        **resnet,
    ),
    rpn_head={{_base_.thin.rpn_head}},
    roi_head=dict(
        bbox_roi_extractor={{_base_.thin.roi_head.bbox_roi_extractor}},
        bbox_head=dict(in_channels=64, channels=64),
        reid_head=dict(top=resnet),
    ),
    train_cfg={{_base_.thin.train_cfg}},
    test_cfg={{_base_.thin.test_cfg}},
)
