"""BSL on CUHK-SYSU, from hybrid pre-training."""

_base_ = './bsl_r50-c4_1xb5-7e_cuhk-sysu.py'
# Written by tools/format_epoch_weights_for_pretraining.sh.
pretrained_backbone = (
    'work_dirs/hybrid-pretrain_r50_8xb8-90k_six-sources/'
    'pretrained_backbone.pth'
)

init_cfg = dict(type='Pretrained', checkpoint=pretrained_backbone)
model = dict(
    backbone=dict(init_cfg=init_cfg),
    roi_head=dict(reid_head=dict(top=dict(init_cfg=init_cfg))),
)
