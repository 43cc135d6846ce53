_base_ = ['./_base_/pretrain_hybrid.py', '../_base_/models/roi-alignps_r18.py']

model = dict(
    _delete_=True,
    type='HybridPretrainDetector',
    detector={{_base_.model}},
    num_identities={{_base_.pretrain_identities}},
    queue_size={{_base_.pretrain_queue_size}},
    alignment=dict(
        type='IntraTaskAlignment',
        sources={{_base_.sources}},
        image=dict(
            backbone=dict(in_channels=128),
            neck=dict(in_channels=64, level=0),
        ),
        instance=dict(in_channels=64),
        weight={{_base_.alignment_weight}},
        queue_size={{_base_.alignment_queue}},
        hidden_channels=64,
    ),
)
