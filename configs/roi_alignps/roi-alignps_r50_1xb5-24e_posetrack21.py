"""ROI-AlignPS on PoseTrack21: 59.1 mAP, 82.1 top-1 published."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/posetrack21.py',
    '../_base_/models/roi-alignps_r50.py',
    '../_base_/schedules/roi-alignps_24e.py',
]
num_identities = 5474
queue_size = 5000

memory = dict(num_identities=num_identities, queue_size=queue_size)
model = dict(bbox_head=dict(loss_reid=memory), roi_head=dict(loss_reid=memory))
train_dataloader = dict(batch_size=5)
val_evaluator = dict(preset='alignps')
test_evaluator = dict(preset='alignps')
