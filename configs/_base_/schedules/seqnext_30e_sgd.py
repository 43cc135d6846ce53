"""Thirty epochs of SGD, SeqNeXt on ResNet-50."""

_base_ = 'seqnext_30e.py'

optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='SGD', lr=0.003, momentum=0.9, weight_decay=5e-4
    )
)
auto_scale_lr = dict(base_batch_size=12)
