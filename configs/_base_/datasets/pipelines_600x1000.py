# Pipelines of deep-person-search: short side 600, long side at most 1000.
two_stage_scale = (1000, 600)

two_stage_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    # More than one scale here is multi-scale training.
    dict(type='RandomChoiceResize', scales=[two_stage_scale], keep_ratio=True),
    dict(type='FlipCopies'),
    dict(type='PackPersonSearchInputs'),
]
two_stage_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=two_stage_scale, keep_ratio=True),
    dict(type='LoadPersonAnnotations'),
    dict(type='PackPersonSearchInputs'),
]
# Every image with an identity, and its mirrored copy, once an epoch.
two_stage_train_dataloader = dict(
    batch_size=5,
    drop_last=True,
    batch_sampler=None,
    dataset=dict(
        flipped_copies=True,
        filter_cfg=dict(filter_unlabelled=True, min_size=32),
        pipeline=two_stage_train_pipeline,
    ),
)
two_stage_test_dataloader = dict(
    dataset=dict(pipeline=two_stage_test_pipeline)
)
