"""ROI-AlignPS (Yan et al., arXiv 2109.00211), without its identities."""

pretrained_backbone = 'open-mmlab://detectron2/resnet50_caffe'

model = dict(
    type='ROIAlignPS',
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
            reduction='labelled',
            memory=dict(queue_dims=64),
        ),
        loss_reid_triplet=dict(type='MemoryTripletLoss', margin=0.3),
    ),
    rpn_head=dict(
        type='BatchedRPNHead',
        in_channels=1024,
        feat_channels=1024,
        anchor_generator=dict(
            type='AnchorGenerator',
            scales=[2, 4, 8, 16, 32],
            ratios=[0.5, 1.0, 2.0],
            strides=[16],
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss'),
    ),
    roi_head=dict(
        type='BatchedRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=1024,
            featmap_strides=[16],
        ),
        # The maps of the third stage are cut into RoIs; on each RoI runs a
        # fourth stage that is a copy of the backbone's, trained apart from it.
        shared_head=dict(
            type='SplitResNetTop',
            depth=50,
            c4_blocks=6,
            norm_cfg=dict(type='BN', requires_grad=False),
            norm_eval=True,
            init_cfg=dict(type='Pretrained', checkpoint=pretrained_backbone),
        ),
        bbox_head=dict(
            type='NormAwareBBoxHead',
            in_channels=2048,
            c4_channels=1024,
            embed_dims=256,
            embedding_norm_std=0.01,
            reg_std=0.001,
            bbox_coder=dict(
                type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]
            ),
            reg_class_agnostic=True,
            loss_bbox=dict(type='L1Loss', loss_weight=10.0),
        ),
        loss_reid=dict(
            type='OIMLoss',
            temperature=30.0,
            memory=dict(normalize_table=True),
        ),
    ),
    loss_mutual_information=dict(type='MutualInformationLoss'),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type='PersonAssigner',
                pos_iou_thr=0.7,
                neg_iou_thr=0.3,
                min_pos_iou=0.3,
                match_low_quality=True,
            ),
            sampler=dict(
                type='RandomSampler',
                num=256,
                pos_fraction=0.5,
                add_gt_as_proposals=False,
            ),
            allowed_border=0,
            pos_weight=-1,
        ),
        rpn_proposal=dict(
            nms_pre=12000,
            max_per_img=2000,
            nms=dict(type='nms', iou_threshold=0.7),
            # Empty boxes stay, as under mmdet 2.
            min_bbox_size=-1,
        ),
        rcnn=dict(
            # Boxes that overlap between 0.1 and 0.5 are not trained on.
            assigner=dict(
                type='PersonAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.1,
                min_pos_iou=0.5,
                match_low_quality=False,
            ),
            sampler=dict(
                type='RandomSampler',
                num=128,
                pos_fraction=0.5,
                add_gt_as_proposals=True,
            ),
            pos_weight=-1,
        ),
    ),
    test_cfg=dict(
        nms_pre=1000,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.5),
        max_per_img=100,
    ),
)
