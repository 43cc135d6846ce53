"""What every run has in common."""

default_scope = 'mmdet'
custom_imports = dict(
    imports=['mmdet_ps.registration'], allow_failed_imports=False
)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='WholeCheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='search/mAP',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='DetVisualizationHook'),
    # Every load of weights is reported; one that loads nothing is an error.
    checked_load=dict(type='CheckedLoadHook'),
    # Which entries of a checkpoint hold the persons that were trained on.
    identity_state=dict(type='IdentityStateHook'),
    # A training that was killed and resumed ends as an unbroken one.
    exact_resume=dict(type='ExactResumeHook'),
    # Fewer images than a batch are an error, not a training without a step.
    enough_data=dict(type='EnoughDataHook'),
    # Several processes validate and save the same statistics of batch norms.
    norm_statistics=dict(type='NormStatisticsHook'),
)
custom_hooks = [
    # A loss that is not finite stops the run with a message.
    dict(type='FiniteLossHook', interval=50),
    # The best, the worst and some random queries of every evaluation.
    dict(type='RankingVisualizationHook'),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
visualizer = dict(
    type='RankingVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
        dict(type='TensorboardVisBackend'),
    ],
    name='visualizer',
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
