"""COAT on PoseTrack21; no published figures."""

_base_ = [
    '../_base_/datasets/posetrack21.py',
    '../_base_/models/coat_r50-c4.py',
    '../_base_/schedules/seqnet_20e.py',
    '../_base_/default_runtime.py',
]
_base_.train_dataloader.update(_base_.feeding)

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
_base_.train_dataloader.batch_size = 3  # pictures per GPU and step
_base_.optim_wrapper.optimizer.lr = 0.003  # for 3 pictures per step
_base_.train_cfg.max_epochs = 14
# The rate falls to a tenth after these epochs.
_base_.param_scheduler[1].milestones = [11]
# Longer and shorter side of a picture at most, in pixels.
_base_.train_dataloader.dataset.pipeline[2].scales = [(1500, 900)]
_base_.val_dataloader.dataset.pipeline[1].scale = (1500, 900)
_base_.test_dataloader.dataset.pipeline[1].scale = (1500, 900)
# Labelled persons to tell apart, unlabelled ones to remember.
_base_.model.roi_head.loss_reid.num_identities = _base_.num_identities
_base_.model.roi_head.loss_reid.queue_size = _base_.queue_size
# What the classifier of the labelled persons counts, in each stage.
_base_.model.roi_head.loss_reid.classifier_weight = 0.1
_base_.auto_scale_lr.base_batch_size = 3

# Similarities count by the score of the detection.
val_evaluator = dict(preset='seqnet', confidence_weighted=True)
test_evaluator = dict(preset='seqnet', confidence_weighted=True)
