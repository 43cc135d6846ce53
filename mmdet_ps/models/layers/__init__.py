"""Layers, and means over feature maps."""

from .layout import channels_innermost
from .map_means import mean_over_images, subtract_spatial_mean
from .small_batch_norm import SmallBatchNorm1d

__all__ = [
    'SmallBatchNorm1d',
    'channels_innermost',
    'mean_over_images',
    'subtract_spatial_mean',
]
