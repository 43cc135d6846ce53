"""BSL on PRW with a linear classifier of the identities in place of OIM."""

_base_ = './bsl_r50-c4_1xb5-7e_prw.py'

model = dict(
    roi_head=dict(
        loss_reid=dict(
            _delete_=True,
            type='SoftmaxIdentityLoss',
            num_identities=_base_.num_identities,
            loss_weight=0.5,
        )
    ),
    train_cfg=dict(rcnn=dict(reid_sampler=dict(labelled_only=True))),
)
