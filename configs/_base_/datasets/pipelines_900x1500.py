# Training of SeqNet and its successors: short side 900, long side at most
# 1500, random mirroring. Testing at this size is the common default.
two_stage_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    dict(type='RandomChoiceResize', scales=[(1500, 900)], keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackPersonSearchInputs'),
]
two_stage_train_dataloader = dict(
    batch_size=5,
    drop_last=True,
    batch_sampler=None,
    dataset=dict(
        pipeline=two_stage_train_pipeline,
    ),
)
