"""SeqNet on Swin-T with the weights of SOLIDER.

Its authors pool the regions by the mean, here they are pooled by the maximum.
"""

_base_ = './seqnet_r50-c4.py'

swin = dict(
    type='StagedSwin',
    embed_dims=96,
    depths=(2, 2, 6, 2),
    num_heads=(3, 6, 12, 24),
    drop_path_rate=0.1,
    semantic_weight=0.6,
    # As written by tools/model_converters/solider.py.
    init_cfg=dict(
        type='Pretrained', checkpoint='work_dirs/solider_swin-t.pth'
    ),
)

model = dict(
    backbone=dict(_delete_=True, part='stem', **swin),
    rpn_head=dict(in_channels=384, feat_channels=384),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=384),
        first_top=dict(_delete_=True, part='top', **swin),
        first_head=dict(in_channels=768),
        shared_head=dict(_delete_=True, part='top', **swin),
        bbox_head=dict(in_channels=768, c4_channels=384),
    ),
)
