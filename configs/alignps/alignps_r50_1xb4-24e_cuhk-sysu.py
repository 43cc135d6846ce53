"""AlignPS on CUHK-SYSU: 93.1 mAP, 93.4 top-1 published (gallery 100)."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/cuhk_sysu.py',
    '../_base_/models/alignps_r50.py',
    '../_base_/schedules/alignps_24e.py',
]
num_identities = 5532
queue_size = 5000

model = dict(
    bbox_head=dict(
        loss_reid=dict(num_identities=num_identities, queue_size=queue_size)
    )
)
val_evaluator = dict(preset='alignps')
test_evaluator = dict(preset='alignps')
