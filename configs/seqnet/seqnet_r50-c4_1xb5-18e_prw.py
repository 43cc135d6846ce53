"""SeqNet on PRW: 46.7 mAP, 83.4 top-1 published (47.6, 87.6 with CBGM)."""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/prw_900x1500.py',
    '../_base_/models/seqnet_r50-c4.py',
    '../_base_/schedules/seqnet_20e.py',
]
num_identities = 483
queue_size = 500

memory = dict(num_identities=num_identities, queue_size=queue_size)
model = dict(roi_head=dict(loss_reid=memory))
train_cfg = dict(max_epochs=18)

# Similarities count by the score of the detection.
val_evaluator = dict(preset='seqnet', confidence_weighted=True)
test_evaluator = dict(preset='seqnet', confidence_weighted=True)
