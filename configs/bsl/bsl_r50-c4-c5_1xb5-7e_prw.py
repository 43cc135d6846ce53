"""BSL on PRW with an identity loss and an embedding at C4 as well."""

_base_ = './bsl_r50-c4_1xb5-7e_prw.py'

model = dict(roi_head=dict(reid_head=dict(levels=('C4', 'C5'))))
