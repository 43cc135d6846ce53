"""A thin SeqNeXt with its filter on a synthetic set in the form of PRW."""

_base_ = [
    '../_base_/datasets/prw.py',
    '../_base_/models/seqnext_r18-c4.py',
    './_base_/small_pictures.py',
]
_base_.train_dataloader.update(_base_.feeding)
_base_.val_dataloader.update(_base_.testing)
_base_.test_dataloader.update(_base_.testing)

# Numbers to change. Each line also works in a configuration that inherits this
# one and, without `_base_.` and with `.1.` for `[1]`, after --cfg-options.
_base_.train_dataloader.batch_size = 4  # pictures per step
_base_.optim_wrapper.optimizer.lr = 1e-3  # for 4 pictures per step
_base_.train_cfg.max_iters = 300  # steps
# The rate rises for 30 steps and falls along a cosine for the other 270.
_base_.param_scheduler[1].end = 300
_base_.param_scheduler[1].T_max = 270
# Longer and shorter side of a picture at most, in pixels.
_base_.train_dataloader.dataset.pipeline[2].scales = [
    (208, 128), (256, 160), (304, 192),
]  # fmt: skip
_base_.val_dataloader.dataset.pipeline[1].scale = (256, 160)
_base_.test_dataloader.dataset.pipeline[1].scale = (256, 160)
# Labelled persons to tell apart, unlabelled ones to remember.
_base_.model.roi_head.loss_reid.num_identities = _base_.synthetic_identities
_base_.model.roi_head.loss_reid.queue_size = _base_.synthetic_queue_size

# Similarities count by the score of the detection. In so few steps the filter
# learns too little to count by its scores as well.
val_evaluator = dict(confidence_weighted=True)
test_evaluator = val_evaluator
