"""SeqNet on CUHK-SYSU: 93.8 mAP, 94.6 top-1 published."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/cuhk_sysu_900x1500.py',
    '../_base_/models/seqnet_r50-c4.py',
    '../_base_/schedules/seqnet_20e.py',
]
num_identities = 5532
queue_size = 5000

memory = dict(num_identities=num_identities, queue_size=queue_size)
model = dict(roi_head=dict(loss_reid=memory))

# Similarities count by the score of the detection.
val_evaluator = dict(preset='seqnet', confidence_weighted=True)
test_evaluator = dict(preset='seqnet', confidence_weighted=True)
