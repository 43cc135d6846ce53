"""AlignPS+ on PoseTrack21, by the recipe of CUHK-SYSU."""

_base_ = './alignps_r50_1xb4-24e_posetrack21.py'

model = dict(
    backbone=dict(
        dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
)
