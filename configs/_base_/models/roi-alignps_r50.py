"""ROI-AlignPS (Yan et al., arXiv 2109.00211), without its identities."""

_base_ = './alignps_r50.py'

model = dict(
    type='ROIAlignPS',
    bbox_head=dict(loss_reid=dict(reduction='labelled')),
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
        # All of the third stage lies before it: the fourth one, a copy.
        shared_head=dict(
            type='SplitResNetTop',
            depth=50,
            c4_blocks=6,
            norm_cfg=dict(type='BN', requires_grad=False),
            norm_eval=True,
            init_cfg=dict(
                type='Pretrained', checkpoint={{_base_.pretrained_backbone}}
            ),
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
)
