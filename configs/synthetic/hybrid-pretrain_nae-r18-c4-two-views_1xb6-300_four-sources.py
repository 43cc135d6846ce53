"""Hybrid pre-training of a thin NAE on synthetic sets, scenes in two views."""

_base_ = './hybrid-pretrain_nae-r18-c4_1xb8-300_four-sources.py'

# Two scenes of two views and four mosaics make a batch of eight images.
_base_.train_dataloader.batch_size = 6  # pictures per step
_base_.train_dataloader.sampler.batch_size = 6  # the same
_base_.train_dataloader.sampler.source_ratio = [1, 1, 2, 2]
_base_.train_dataloader.dataset.datasets[0].pipeline[2].num_views = 2
_base_.train_dataloader.dataset.datasets[1].pipeline[2].num_views = 2
_base_.model.two_views = dict(weight=1.0)
