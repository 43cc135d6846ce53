"""AlignPS (Yan et al., CVPR 2021): model without its identities."""

pretrained_backbone = 'open-mmlab://detectron2/resnet50_caffe'

model = dict(
    type='AlignPS',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        # Caffe's ResNet: BGR, mean subtracted, no division.
        mean=[103.53, 116.28, 123.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        style='caffe',
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained_backbone),
    ),
    neck=dict(
        type='AlignedFeatureAggregation',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
    ),
    bbox_head=dict(
        type='AlignPSHead',
        num_classes=1,
        in_channels=256,
        feat_channels=256,
        stacked_convs=4,
        dcn_on_last_conv=True,
        conv_bias=True,
        strides=[8, 16, 32, 64, 128],
        # Every person is learnt on the finest level; the coarser ones only
        # add background to the classification.
        regress_ranges=((-1, 1e8), (-2, -1), (-2, -1), (-2, -1), (-2, -1)),
        center_sampling=True,
        center_sample_radius=1.5,
        norm_on_bbox=True,
        centerness_on_reg=True,
        loss_bbox=dict(type='GIoULoss', loss_weight=1.0),
        # num_identities and queue_size come with the dataset.
        loss_reid=dict(
            type='OIMLoss',
            temperature=10.0,
            gamma=2.0,
            reduction='positives',
            memory=dict(queue_dims=64),
        ),
        loss_reid_triplet=dict(type='MemoryTripletLoss', margin=0.3),
    ),
    test_cfg=dict(
        nms_pre=1000,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.5),
        max_per_img=100,
    ),
)
