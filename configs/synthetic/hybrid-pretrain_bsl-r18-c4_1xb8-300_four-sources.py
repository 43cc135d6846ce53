_base_ = ['./_base_/pretrain_hybrid.py', '../_base_/models/bsl_r18-c4.py']

model = dict(
    _delete_=True,
    type='HybridPretrainDetector',
    detector={{_base_.model}},
    num_identities={{_base_.pretrain_identities}},
    queue_size={{_base_.pretrain_queue_size}},
    alignment=dict(
        type='IntraTaskAlignment',
        sources={{_base_.sources}},
        image=dict(backbone=dict(in_channels=64)),
        instance=dict(in_channels=128),
        weight={{_base_.alignment_weight}},
        queue_size={{_base_.alignment_queue}},
        hidden_channels=64,
    ),
)
