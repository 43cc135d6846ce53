"""The small pictures of `tools/make_synthetic.py --size quick`: how they are
fed, and a run that a CPU ends in a minute."""

_base_ = '../../_base_/default_runtime.py'
synthetic_identities = 60  # labelled persons of each target set of that size
synthetic_queue_size = 64  # unlabelled persons that an identity memory holds

# Loading in the main process: these pictures are read in a millisecond.
feeding = dict(
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=None,
)
testing = dict(num_workers=0, persistent_workers=False)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        begin=30,
        end=300,
        T_max=270,
        eta_min_ratio=0.02,
    ),
]
# Validation at the end alone, by tools/test.py.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=300, val_interval=301)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        _delete_=True, type='WholeCheckpointHook', by_epoch=False, interval=100
    ),
)
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
