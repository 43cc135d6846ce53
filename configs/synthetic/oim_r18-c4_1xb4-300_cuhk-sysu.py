_base_ = ['./_base_/cuhk_sysu.py', '../_base_/models/oim_r18-c4.py']

memory = dict(
    num_identities={{_base_.synthetic_identities}},
    queue_size={{_base_.synthetic_queue_size}},
)
model = dict(roi_head=dict(loss_reid=memory))
