"""Backbones; ResNets are mmdet's."""

from .pretrained import resnet18, resnet50, shufflenet_v1
from .shufflenet_v1 import ShuffleNetV1, ShuffleNetV1Top
from .split_resnet import SplitResNet, SplitResNetTop

__all__ = [
    'ShuffleNetV1',
    'ShuffleNetV1Top',
    'SplitResNet',
    'SplitResNetTop',
    'resnet18',
    'resnet50',
    'shufflenet_v1',
]
