"""What every pre-training has in common: it counts steps, not epochs."""

_base_ = './default_runtime.py'

default_hooks = dict(
    checkpoint=dict(
        by_epoch=False, interval=5000, save_best='monitor/reid_mAP'
    ),
)
custom_hooks = [
    dict(type='FiniteLossHook', interval=50),
    # A resumed run draws the random numbers of an unbroken one.
    dict(type='IterationSeedHook'),
]
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
