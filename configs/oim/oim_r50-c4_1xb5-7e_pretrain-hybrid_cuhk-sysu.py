"""OIM on CUHK-SYSU, from hybrid pre-training."""

_base_ = './oim_r50-c4_1xb5-7e_cuhk-sysu.py'
pretrained_backbone = 'work_dirs/hybrid-pretrain_r50/backbone.pth'

init_cfg = dict(type='Pretrained', checkpoint=pretrained_backbone)
model = dict(
    backbone=dict(init_cfg=init_cfg),
    roi_head=dict(shared_head=dict(init_cfg=init_cfg)),
)
