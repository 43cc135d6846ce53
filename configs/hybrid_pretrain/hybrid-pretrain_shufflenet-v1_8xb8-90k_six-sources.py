"""Hybrid pre-training of ROI-AlignPS on ShuffleNet V1."""

_base_ = [
    '../_base_/datasets/pretrain_hybrid_six-sources.py',
    '../_base_/models/roi-alignps_shufflenet-v1.py',
    '../_base_/schedules/pretrain_iter.py',
]

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
            backbone=dict(in_channels=960),
            neck=dict(in_channels=256, level=0),
        ),
        instance=dict(in_channels=256),
        weight=0.1,
        queue_size=256,
    ),
)
