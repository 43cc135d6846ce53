"""OIM on PRW: 36.0 mAP, 76.7 top-1 published."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/prw_600x1000.py',
    '../_base_/models/oim_r50-c4.py',
    '../_base_/schedules/deep-person-search_7e.py',
]
num_identities = 483
queue_size = 500

memory = dict(num_identities=num_identities, queue_size=queue_size)
model = dict(roi_head=dict(loss_reid=memory))

val_evaluator = dict(preset='dps')
test_evaluator = dict(preset='dps')
