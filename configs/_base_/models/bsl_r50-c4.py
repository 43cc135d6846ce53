"""BSL: a light detection head and a separate re-ID head."""

_base_ = './oim_r50-c4.py'

resnet = dict(
    type='Pretrained', checkpoint='open-mmlab://detectron2/resnet50_caffe'
)

model = dict(
    # First convolution frozen, and every norm of the stem.
    backbone=dict(
        frozen_stages=0,
        norm_eval=True,
        norm_cfg=dict(type='BN', requires_grad=False),
    ),
    roi_head=dict(
        type='SeparatedRoIHead',
        shared_head=None,
        bbox_head=dict(
            _delete_=True,
            type='LightBBoxHead',
            in_channels=1024,
            roi_feat_size=(14, 7),
            channels=256,
            bbox_coder={{_base_.roi_coder}},
        ),
        reid_head=dict(
            type='SeparatedReIDHead',
            levels=('C5',),
            top=dict(
                type='SplitResNetTop',
                depth=50,
                norm_cfg={{_base_.norm_cfg}},
                init_cfg=resnet,
            ),
        ),
    ),
    train_cfg=dict(
        rcnn=dict(
            reid_sampler=dict(
                type='BestOverlapSampler', num_per_person=4, min_iou=0.5
            )
        )
    ),
    test_cfg=dict(rcnn=dict(min_bbox_size=0)),
)
