"""ROI-AlignPS on CUHK-SYSU: 95.1 mAP, 96.0 top-1 published (gallery 100)."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/cuhk_sysu.py',
    '../_base_/models/roi-alignps_r50.py',
    '../_base_/schedules/roi-alignps_24e.py',
]
num_identities = 5532
queue_size = 5000

memory = dict(num_identities=num_identities, queue_size=queue_size)
model = dict(bbox_head=dict(loss_reid=memory), roi_head=dict(loss_reid=memory))
train_dataloader = dict(batch_size=5)
val_evaluator = dict(preset='alignps')
test_evaluator = dict(preset='alignps')
