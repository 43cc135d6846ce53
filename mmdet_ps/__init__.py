"""Person search (detection and re-identification in one model) on MMDetection.

Importing the package first makes the operators of ``mmcv.ops`` available
(compiled ones where mmcv has them, ``mmdet_ps.ops`` otherwise) and then
registers every part into MMDetection's registries.
"""
from .version import __version__  # isort: skip
from . import ops  # isort: skip  # before anything that imports mmcv.ops
from . import datasets, engine, evaluation, models, visualization

__all__ = [
    '__version__', 'datasets', 'engine', 'evaluation', 'models', 'ops',
    'visualization'
]
