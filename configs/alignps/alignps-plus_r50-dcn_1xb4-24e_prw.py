"""AlignPS+ on PRW: 46.1 mAP, 82.1 top-1 published."""

_base_ = './alignps_r50_1xb4-24e_prw.py'

model = dict(
    backbone=dict(
        dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
)
_base_.optim_wrapper.optimizer.weight_decay = 0.0007
