"""Person search (detection and re-identification in one model) on MMDetection.

Importing the package first makes the operators of ``mmcv.ops`` available
(compiled ones where mmcv has them, ``mmdet_ps.ops`` otherwise) and then
registers every part into MMDetection's registries.
"""

import contextlib
import io

from .version import __version__  # isort: skip
from . import ops  # isort: skip  # before anything that imports mmcv.ops

# mmdet prints that an optional dataset package is not installed, on every
# import; nobody who searches persons needs it.
with contextlib.redirect_stdout(io.StringIO()):
    import mmdet.datasets  # noqa: F401

from . import datasets, engine, evaluation, models, visualization  # noqa: E402

__all__ = [
    '__version__',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'ops',
    'visualization',
]
