"""24 epochs, ROI-AlignPS."""

_base_ = './alignps_24e.py'

optim_wrapper = dict(
    optimizer=dict(lr=0.0015, weight_decay=0.0005),
    paramwise_cfg=dict(_delete_=True),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    # 1141 steps (an epoch of PRW), and one that mmengine counts in.
    dict(
        type='LinearLR',
        start_factor=1 / 200,
        by_epoch=False,
        begin=0,
        end=1142,
    ),
    dict(
        type='MultiStepLR',
        by_epoch=True,
        begin=0,
        end=24,
        milestones=[16, 22],
        gamma=0.1,
    ),
]
auto_scale_lr = dict(base_batch_size=5)
