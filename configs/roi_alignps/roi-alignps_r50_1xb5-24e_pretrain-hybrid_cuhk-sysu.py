"""ROI-AlignPS on CUHK-SYSU, from hybrid pre-training."""

_base_ = './roi-alignps_r50_1xb5-24e_cuhk-sysu.py'
pretrained_backbone = 'work_dirs/hybrid-pretrain_r50/backbone.pth'

init_cfg = dict(type='Pretrained', checkpoint=pretrained_backbone)
model = dict(
    backbone=dict(init_cfg=init_cfg),
    roi_head=dict(shared_head=dict(init_cfg=init_cfg)),
)
