"""Person search (detection and re-identification in one model) on MMDetection.

Importing the package is quick and loads neither torch nor OpenMMLab. It only
arranges that mmcv finds its operators and MMDetection's registries find the
parts of this package once somebody imports or asks for them, see
``mmdet_ps.on_import``.
"""

from . import on_import
from .version import __version__

on_import.arrange()

__all__ = ['__version__']
