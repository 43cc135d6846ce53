"""BSL on PRW: 40.5 mAP, 81.3 top-1 published."""

_base_ = [
    '../_base_/datasets/prw.py',
    '../_base_/models/bsl_r50-c4.py',
    '../_base_/schedules/deep-person-search-parts_7e.py',
    '../_base_/default_runtime.py',
]
_base_.train_dataloader.update(_base_.feeding)

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
_base_.train_dataloader.batch_size = 5  # pictures per GPU and step
# Rates of the two optimizers, for 5 pictures per step.
_base_.optim_wrapper.parts.det.optimizer.lr = 0.003
_base_.optim_wrapper.parts.reid.optimizer.lr = 3.5e-4
_base_.train_cfg.max_epochs = 7
# The rates fall to a tenth after these epochs.
_base_.param_scheduler.det[1].milestones = [5]
_base_.param_scheduler.reid[1].milestones = [6, 7]
# Longer and shorter side of a picture at most, in pixels.
_base_.train_dataloader.dataset.pipeline[2].scales = [(1000, 600)]
_base_.val_dataloader.dataset.pipeline[1].scale = (1000, 600)
_base_.test_dataloader.dataset.pipeline[1].scale = (1000, 600)
# Labelled persons to tell apart, unlabelled ones to remember.
_base_.model.roi_head.loss_reid.num_identities = _base_.num_identities
_base_.model.roi_head.loss_reid.queue_size = _base_.queue_size

val_evaluator = dict(preset='dps')
test_evaluator = dict(preset='dps')
