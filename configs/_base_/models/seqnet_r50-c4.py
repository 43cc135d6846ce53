"""SeqNet: a first stage detects, a second refines and embeds."""

_base_ = './oim_r50-c4.py'

resnet = dict(
    depth=50,
    style='pytorch',
    c4_blocks=6,
    init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
)
# PyTorch's ResNet: RGB.
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]

model = dict(
    data_preprocessor=dict(mean=mean, std=std, bgr_to_rgb=True),
    # The first layer is frozen, but no norm's statistics are.
    backbone=dict(
        pool_padding=1, frozen_stages=0, frozen_statistics=False, **resnet
    ),
    rpn_head=dict(
        anchor_generator=dict(
            sizes=[32, 64, 128, 256, 512], ratios=[0.5, 1, 2]
        )
    ),
    roi_head=dict(
        type='SequentialRoIHead',
        bbox_roi_extractor=dict(
            roi_layer=dict(output_size=(14, 14), sampling_ratio=2)
        ),
        first_top=dict(
            type='SplitResNetTop', norm_cfg={{_base_.norm_cfg}}, **resnet
        ),
        first_head=dict(
            type='PooledBBoxHead',
            in_channels=2048,
            bbox_coder={{_base_.roi_coder}},
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=10.0),
        ),
        shared_head=resnet,
        bbox_head=dict(
            type='NormAwareBBoxHead',
            c4_channels=1024,
            embedding_norm_std=0.01,
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=1.0),
        ),
        # Every slot of the queue competes, and rows as they are stored.
        loss_reid=dict(
            queue_first=False,
            loss_weight=1.0,
            memory=dict(
                normalize_reads=False,
                filled_only=False,
                table_update='in-order',
            ),
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(min_bbox_size=1e-3),
        rcnn=dict(sampler=dict(num=128)),
    ),
    test_cfg=dict(
        rpn=dict(min_bbox_size=1e-3),
        rcnn=dict(
            first=dict(
                score_thr=0.5,
                nms=dict(type='nms', iou_threshold=0.4),
                max_per_img=300,
                min_bbox_size=0.01,
            ),
            score_thr=0.5,
            nms=dict(type='nms', iou_threshold=0.5),
            max_per_img=300,
        ),
    ),
)
