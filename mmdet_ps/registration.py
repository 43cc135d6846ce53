"""Registers every part of this package with MMDetection.

Configurations name this module in ``custom_imports``. The registries of
MMDetection import it by themselves, too, when they are first asked for a name
after ``import mmdet_ps``.
"""

from . import engine, models
from .datasets import (
    crop_mosaic_dataset,
    person_concat_dataset,
    person_search_dataset,
    reid_crop_dataset,
    samplers,
    transforms,
)
from .evaluation import metrics
from .visualization import ranking_visualizer

__all__ = [
    'crop_mosaic_dataset',
    'engine',
    'metrics',
    'models',
    'person_concat_dataset',
    'person_search_dataset',
    'ranking_visualizer',
    'reid_crop_dataset',
    'samplers',
    'transforms',
]
