_base_ = ['./_base_/prw.py', '../_base_/models/seqnet_r18-c4.py']

memory = dict(
    num_identities={{_base_.synthetic_identities}},
    queue_size={{_base_.synthetic_queue_size}},
)
model = dict(roi_head=dict(loss_reid=memory))
