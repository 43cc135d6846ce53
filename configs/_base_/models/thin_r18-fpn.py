"""What makes AlignPS or ROI-AlignPS a thin ResNet-18 for small images."""

thin = dict(
    data_preprocessor=dict(std=[57.0, 57.0, 57.0]),
    backbone=dict(
        depth=18,
        base_channels=16,
        style='pytorch',
        frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    # The finest level alone: the coarser ones find nobody, they only add
    # background, and cost a fifth of the time.
    neck=dict(
        in_channels=[16, 32, 64, 128],
        out_channels=64,
        num_outs=1,
        zero_init_offset=True,
    ),
    bbox_head=dict(
        in_channels=64,
        feat_channels=64,
        stacked_convs=2,
        strides=[8],
        regress_ranges=((-1, 1e8),),
        loss_reid=dict(
            embed_dims=64, memory=dict(queue_dims=None, normalize_table=True)
        ),
    ),
    test_cfg=dict(nms_pre=200, max_per_img=30),
)
