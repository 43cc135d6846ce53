"""OIM on a thin ResNet-18, for small images from a random start."""

_base_ = ['./oim_r50-c4.py', './thin_r18-c4.py']

model = {{_base_.thin}}
