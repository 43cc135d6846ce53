_base_ = ['./_base_/prw.py', '../_base_/models/alignps_r18.py']

memory = dict(
    num_identities={{_base_.synthetic_identities}},
    queue_size={{_base_.synthetic_queue_size}},
)
model = dict(bbox_head=dict(loss_reid=memory))
val_evaluator = dict(preset='alignps')
test_evaluator = dict(preset='alignps')
