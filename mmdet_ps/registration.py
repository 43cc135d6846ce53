"""Registers every part of this package with MMDetection.

Configurations name this module in ``custom_imports``. The registries of
MMDetection import it by themselves, too, when they are first asked for a name
after ``import mmdet_ps``.
"""

from . import datasets, engine, models, visualization
from .evaluation import metrics

__all__ = ['datasets', 'engine', 'metrics', 'models', 'visualization']
