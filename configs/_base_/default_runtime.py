"""What every run has in common."""

_base_ = ['mmdet::_base_/default_runtime.py']

custom_imports = dict(imports=['mmdet_ps'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='search/mAP',
        rule='greater',
    )
)
# A loss that is not finite stops the run with a message.
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50)]

visualizer = dict(
    type='DetLocalVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ],
    name='visualizer',
)
