"""Backbones."""

from .split_resnet import SplitResNet, SplitResNetTop

__all__ = ['SplitResNet', 'SplitResNetTop']
