"""AlignPS on PRW: 45.9 mAP, 81.9 top-1 published."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/prw.py',
    '../_base_/models/alignps_r50.py',
    '../_base_/schedules/alignps_24e.py',
]
num_identities = 483
queue_size = 500
weight_decay = 0.001

# Not the recipe of CUHK-SYSU: a sharper softmax over a normalised table, no
# triplet loss.
model = dict(
    bbox_head=dict(
        loss_reid=dict(
            num_identities=num_identities,
            queue_size=queue_size,
            temperature=15.0,
            queue_temperature=10.0,
            memory=dict(normalize_table=True),
        ),
        loss_reid_triplet=None,
    )
)
optim_wrapper = dict(optimizer=dict(weight_decay=weight_decay))
val_evaluator = dict(preset='alignps')
test_evaluator = dict(preset='alignps')
