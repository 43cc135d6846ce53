"""Models of person search."""

from . import (
    alignment,
    backbones,
    data_preprocessors,
    dense_heads,
    detectors,
    losses,
    necks,
    roi_heads,
)

__all__ = [
    'alignment',
    'backbones',
    'data_preprocessors',
    'dense_heads',
    'detectors',
    'losses',
    'necks',
    'roi_heads',
]
