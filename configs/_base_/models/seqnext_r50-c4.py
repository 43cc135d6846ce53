"""SeqNeXt with the Gallery Filter Network, on ResNet-50.

SeqNet with one logit in the second stage, whose score counts, an embedding of
2048, and a filter of the gallery.
"""

# The statistics of all norms are frozen.
norm_cfg = dict(type='BN', requires_grad=False)
resnet = dict(
    depth=50,
    style='pytorch',
    c4_blocks=6,
    norm_cfg=norm_cfg,
    norm_eval=True,
    init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
)
rpn_coder = dict(type='CappedDeltaXYWHBBoxCoder')
roi_coder = dict(type='CappedDeltaXYWHBBoxCoder', weights=(10, 10, 5, 5))

model = dict(
    type='PersonSearchRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        # PyTorch's ResNet: RGB.
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    # The first layer and the first stage are frozen.
    backbone=dict(
        type='SplitResNet',
        pool_padding=1,
        frozen_stages=1,
        **resnet,
    ),
    rpn_head=dict(
        type='LogitRankedRPNHead',
        in_channels=1024,
        feat_channels=1024,
        anchor_generator=dict(
            type='RoundedAnchorGenerator',
            sizes=[32, 64, 128, 256, 512],
            ratios=[0.5, 1, 2],
            stride=16,
        ),
        bbox_coder=rpn_coder,
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='SmoothL1Loss', beta=1.0 / 9.0),
    ),
    roi_head=dict(
        type='FilteredRoIHead',
        score_stage='second',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(
                type='RoIAlign',
                output_size=(14, 14),
                sampling_ratio=2,
                aligned=False,
            ),
            out_channels=1024,
            featmap_strides=[16],
        ),
        first_top=dict(type='SplitResNetTop', **resnet),
        first_head=dict(
            type='PooledBBoxHead',
            in_channels=2048,
            bbox_coder=roi_coder,
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=10.0),
        ),
        shared_head=dict(type='SplitResNetTop', **resnet),
        bbox_head=dict(
            type='OneLogitBBoxHead',
            in_channels=2048,
            c4_channels=1024,
            embed_dims=2048,
            embedding_bias=True,
            embedding_norm_std=0.01,
            bbox_coder=roi_coder,
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=1.0),
        ),
        # num_identities and queue_size come with the dataset.
        loss_reid=dict(
            type='OIMLoss',
            embed_dims=2048,
            temperature=30.0,
            # All persons of a batch divide the loss, and empty slots of the
            # queue are left out.
            reduction='positives',
            queue_first=False,
            loss_weight=1.0,
            memory=dict(
                normalize_table=True,
                normalize_reads=False,
                filled_only=True,
                table_update='in-order',
            ),
        ),
        gallery_filter=dict(
            type='GalleryFilter',
            top=dict(type='SplitResNetTop', **resnet),
            embed_dims=2048,
            pool_size=(56, 56),
            temperature=0.1,
            num_scenes=2000,
            max_persons=8,
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
            min_bbox_size=1e-3,
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
                num=128,
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
            min_bbox_size=1e-3,
        ),
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
            min_bbox_size=0.01,
        ),
    ),
)
