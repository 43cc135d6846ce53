"""Backbones; those of other libraries derive from StagedBackbone."""

from .pretrained import resnet18, resnet50, shufflenet_v1
from .shufflenet_v1 import ShuffleNetV1, ShuffleNetV1Top
from .split_resnet import SplitResNet, SplitResNetTop
from .staged_backbone import StagedBackbone
from .staged_convnext import StagedConvNeXt
from .staged_pvt import StagedPVT
from .staged_swin import StagedSwin
from .staged_vit import StagedViT

__all__ = [
    'ShuffleNetV1',
    'ShuffleNetV1Top',
    'SplitResNet',
    'SplitResNetTop',
    'StagedBackbone',
    'StagedConvNeXt',
    'StagedPVT',
    'StagedSwin',
    'StagedViT',
    'resnet18',
    'resnet50',
    'shufflenet_v1',
]
