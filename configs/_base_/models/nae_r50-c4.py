"""NAE: the length of the embedding detects, its direction identifies."""

norm_cfg = dict(type='BN', requires_grad=True)
rpn_coder = dict(type='CappedDeltaXYWHBBoxCoder')
roi_coder = dict(type='CappedDeltaXYWHBBoxCoder', weights=(10, 10, 5, 5))

model = dict(
    type='PersonSearchRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_size_divisor=32,
    ),
    # The whole network trains, norm statistics included.
    backbone=dict(
        type='SplitResNet',
        depth=50,
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=norm_cfg,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='open-mmlab://detectron2/resnet50_caffe',
        ),
    ),
    rpn_head=dict(
        type='LogitRankedRPNHead',
        in_channels=1024,
        feat_channels=1024,
        anchor_generator=dict(
            type='RoundedAnchorGenerator',
            sizes=[32, 64, 128, 256, 512],
            ratios=[1, 2],
            stride=16,
        ),
        bbox_coder=rpn_coder,
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss'),
    ),
    roi_head=dict(
        type='PersonSearchRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(
                type='RoIAlign',
                output_size=(14, 7),
                sampling_ratio=0,
                aligned=False,
            ),
            out_channels=1024,
            featmap_strides=[16],
        ),
        shared_head=dict(
            type='SplitResNetTop',
            depth=50,
            norm_cfg=norm_cfg,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='open-mmlab://detectron2/resnet50_caffe',
            ),
        ),
        bbox_head=dict(
            type='NormAwareBBoxHead',
            in_channels=2048,
            embed_dims=256,
            embedding_norm_std=0.01,
            bbox_coder=roi_coder,
        ),
        # num_identities and queue_size come with the dataset.
        loss_reid=dict(
            type='OIMLoss',
            embed_dims=256,
            temperature=30.0,
            queue_first=True,
            loss_weight=0.5,
            memory=dict(
                normalize_table=True,
                normalize_reads=True,
                filled_only=True,
                table_update='last',
            ),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type='BestAnchorAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3
            ),
            sampler=dict(
                type='RandomSampler',
                num=256,
                pos_fraction=0.5,
                add_gt_as_proposals=False,
            ),
            allowed_border=-1,
            pos_weight=-1,
        ),
        rpn_proposal=dict(
            nms_pre=12000,
            max_per_img=2000,
            nms=dict(type='nms', iou_threshold=0.7),
            min_bbox_size=0,
        ),
        rcnn=dict(
            assigner=dict(
                type='PersonAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
            ),
            sampler=dict(
                type='RandomSampler',
                num=64,
                pos_fraction=0.5,
                add_gt_as_proposals=True,
            ),
            pos_weight=-1,
        ),
    ),
    test_cfg=dict(
        # Embed the annotated boxes too: queries are searched by them.
        embed_gt_boxes=True,
        gt_boxes_as_detections=False,
        confidence_weighted=False,
        rpn=dict(
            nms_pre=6000,
            max_per_img=300,
            nms=dict(type='nms', iou_threshold=0.7),
            min_bbox_size=0,
        ),
        rcnn=dict(
            score_thr=0.05,
            nms=dict(type='nms', iou_threshold=0.4),
            max_per_img=100,
            min_bbox_size=0.01,
        ),
    ),
)
