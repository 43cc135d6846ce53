"""What every run has in common."""

_base_ = ['mmdet::_base_/default_runtime.py']

custom_imports = dict(
    imports=['mmdet_ps.registration'], allow_failed_imports=False
)

default_hooks = dict(
    checkpoint=dict(
        type='WholeCheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='search/mAP',
        rule='greater',
    ),
    # Every load of weights is reported; one that loads nothing is an error.
    checked_load=dict(type='CheckedLoadHook'),
    # Which entries of a checkpoint hold the persons that were trained on.
    identity_state=dict(type='IdentityStateHook'),
    # A training that was killed and resumed ends as an unbroken one.
    exact_resume=dict(type='ExactResumeHook'),
)
custom_hooks = [
    # A loss that is not finite stops the run with a message.
    dict(type='CheckInvalidLossHook', interval=50),
    # The best, the worst and some random queries of every evaluation.
    dict(type='RankingVisualizationHook'),
]

visualizer = dict(
    type='RankingVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ],
    name='visualizer',
)
