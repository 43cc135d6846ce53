"""Hybrid pre-training of COAT on ResNet-50."""

_base_ = [
    '../_base_/datasets/pretrain_six-sources.py',
    '../_base_/models/coat_r50-c4.py',
    '../_base_/schedules/pretrain_90k.py',
    '../_base_/pretrain_runtime.py',
]

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
_base_.train_dataloader.batch_size = 8  # pictures per GPU and step
_base_.train_dataloader.sampler.batch_size = 8  # the same
# Shares of CrowdHuman, EuroCity, CityPersons, Market-1501, MSMT17 and CUHK03,
# for two kinds of batch that take turns; 0 leaves a source out.
_base_.train_dataloader.sampler.source_ratio = [
    [2, 1, 0, 2, 2, 1], [1, 1, 1, 2, 2, 1],
]  # fmt: skip
_base_.optim_wrapper.optimizer.lr = 0.02  # for 64 pictures per step
_base_.train_cfg.max_iters = 90000  # steps
_base_.train_cfg.val_interval = 10000  # steps
# The rate falls to a tenth after these steps.
_base_.param_scheduler[1].milestones = [60000, 80000]

model = dict(
    _delete_=True,
    type='HybridPretrainDetector',
    detector=_base_.model,
    num_identities=_base_.num_identities,  # labelled persons of all sources
    queue_size=_base_.queue_size,  # unlabelled persons to remember
    two_views=dict(weight=1.0),  # None trains on one view
    alignment=dict(
        type='IntraTaskAlignment',
        sources=_base_.sources,
        image=dict(backbone=dict(in_channels=1024)),
        instance=dict(in_channels=256),
        weight=0.1,
        queue_size=256,
    ),
)
