"""SeqNeXt with GFN on CUHK-SYSU: 94.7 mAP, 95.3 top-1 published."""

_base_ = [
    '../_base_/datasets/cuhk_sysu.py',
    '../_base_/models/seqnext_r50-c4.py',
    '../_base_/schedules/seqnext_30e.py',
    '../_base_/default_runtime.py',
]
_base_.train_dataloader.update(_base_.feeding)
# In place of Adam, which trains ConvNeXt.
_base_.optim_wrapper.optimizer.update(
    type='SGD', momentum=0.9, weight_decay=5e-4
)

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
_base_.train_dataloader.batch_size = 12  # pictures per GPU and step
_base_.optim_wrapper.optimizer.lr = 0.003  # for 12 pictures per step
_base_.train_cfg.max_epochs = 30
# The rate falls to a tenth after these epochs.
_base_.param_scheduler[1].milestones = [15, 25]
# Longer and shorter side of a picture at most, in pixels.
_base_.train_dataloader.dataset.pipeline[2].scales = [(1500, 900)]
_base_.val_dataloader.dataset.pipeline[1].scale = (1500, 900)
_base_.test_dataloader.dataset.pipeline[1].scale = (1500, 900)
# Side of the square that is cropped out to train on, in pixels.
_base_.train_dataloader.dataset.pipeline[3].transforms[0].size = 640
_base_.train_dataloader.dataset.pipeline[3].transforms[1].size = 640
# Labelled persons to tell apart, unlabelled ones to remember.
_base_.model.roi_head.loss_reid.num_identities = _base_.num_identities
_base_.model.roi_head.loss_reid.queue_size = _base_.queue_size
_base_.auto_scale_lr.base_batch_size = 12

# Similarities count by the scores of the detection and of the picture.
val_evaluator = dict(preset='gfn', confidence_weighted=True, scene_scores=True)
test_evaluator = dict(
    preset='gfn', confidence_weighted=True, scene_scores=True
)
