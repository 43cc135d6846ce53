"""ROI-AlignPS on CUHK-SYSU, from hybrid pre-training."""

_base_ = './roi-alignps_r50_1xb5-24e_cuhk-sysu.py'
# Written by tools/format_epoch_weights_for_pretraining.sh.
load_from = (
    'work_dirs/hybrid-pretrain_r50_8xb8-90k_six-sources/pretrained_all.pth'
)
model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(shared_head=dict(init_cfg=None)),
)
