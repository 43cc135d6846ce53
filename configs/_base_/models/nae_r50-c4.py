"""NAE: the length of the embedding detects, its direction identifies."""

_base_ = './oim_r50-c4.py'

model = dict(
    rpn_head=dict(anchor_generator=dict(sizes=[32, 64, 128, 256, 512])),
    roi_head=dict(
        bbox_head=dict(type='NormAwareBBoxHead', embedding_norm_std=0.01)
    ),
)
