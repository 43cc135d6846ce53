"""Seven epochs of deep-person-search: one SGD (OIM, NAE)."""

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.003, momentum=0.9, weight_decay=1e-4),
    # No decay of any bias, those of the norms included.
    paramwise_cfg=dict(custom_keys={'.bias': dict(decay_mult=0.0)}),
)
warm_up = dict(
    type='LinearLR',
    start_factor=0.01,
    by_epoch=True,
    begin=0,
    end=1,
    convert_to_iter_based=True,
)
# Their milestone 4 is counted after the warm-up: epoch 5 from the start.
param_scheduler = [
    warm_up,
    dict(type='MultiStepLR', by_epoch=True, milestones=[5], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7, val_interval=7)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=5)
