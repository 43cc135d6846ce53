"""AlignPS on a thin ResNet-18, for small images from a random start."""

_base_ = ['./alignps_r50.py', './thin_r18-fpn.py']

model = {{_base_.thin}}
