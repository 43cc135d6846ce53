"""Seven epochs of deep-person-search: SGD to detect, Adam to re-identify."""

_base_ = './deep-person-search_7e.py'

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='PartsOptimWrapperConstructor',
    parts=dict(
        det=dict(
            optimizer=dict(
                type='SGD', lr=0.003, momentum=0.9, weight_decay=1e-4
            ),
            bias=dict(weight_decay=0.0),
        ),
        reid=dict(
            modules=['SeparatedReIDHead'],
            optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=1e-4),
        ),
    ),
)
warm_up = {{_base_.warm_up}}
# Re-ID has milestones 5 and 6 after the warm-up; seven epochs see the first.
param_scheduler = dict(
    _delete_=True,
    det=[
        warm_up,
        dict(type='MultiStepLR', by_epoch=True, milestones=[5], gamma=0.1),
    ],
    reid=[
        warm_up,
        dict(type='MultiStepLR', by_epoch=True, milestones=[6, 7], gamma=0.1),
    ],
)
