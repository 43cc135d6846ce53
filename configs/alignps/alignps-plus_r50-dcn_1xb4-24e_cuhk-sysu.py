"""AlignPS+ on CUHK-SYSU: 94.0 mAP, 94.5 top-1 published (gallery 100)."""

_base_ = './alignps_r50_1xb4-24e_cuhk-sysu.py'

model = dict(
    backbone=dict(
        dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
)
