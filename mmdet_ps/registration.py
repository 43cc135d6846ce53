"""Registers every part of this package with MMDetection.

Configurations name this module in ``custom_imports``. The registries of
MMDetection import it by themselves, too, when they are first asked for a name
after ``import mmdet_ps``.
"""

from . import datasets, engine, evaluation, models, visualization

__all__ = ['datasets', 'engine', 'evaluation', 'models', 'visualization']
