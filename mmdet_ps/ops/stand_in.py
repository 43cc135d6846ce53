"""A stand-in for ``mmcv._ext`` where mmcv comes without compiled operators.

``mmcv.ops`` asks that module for its operators by name when it is imported.
The stand-in answers with those of this package; any other name can be asked
for, so that ``mmcv.ops`` imports, and says what to install once called.
"""

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

from mmdet_ps.utils.errors import UserError

MODULE_NAME = 'mmcv._ext'
ADVICE = (
    'install an mmcv compiled with its operators: pip uninstall onedl-mmcv, '
    'then, with a C++ compiler (and the CUDA toolkit for a GPU) at hand, '
    'MMCV_WITH_OPS=1 pip install --no-binary onedl-mmcv '
    '--no-build-isolation onedl-mmcv'
)


class MissingOperatorError(UserError, NotImplementedError):
    """An operator was called that only a compiled mmcv has."""


class StandIn(ModuleType):
    """``mmcv._ext`` made of Python functions."""

    def __init__(self, operators: dict[str, Callable]) -> None:
        super().__init__(MODULE_NAME, __doc__)
        # mmengine asks importlib for the spec to see if mmcv has operators.
        self.__spec__ = ModuleSpec(MODULE_NAME, loader=None)
        self.__dict__.update(operators)

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args, **kwargs):
            raise MissingOperatorError(
                f"operator '{name}' of mmcv.ops is neither compiled here nor "
                f'supplied by mmdet_ps.ops; {ADVICE}'
            )

        return missing


def compiled_operators() -> ModuleType | None:
    """mmcv's own compiled module, or None where it cannot be used."""
    try:
        module = importlib.import_module(MODULE_NAME)
    except ImportError:
        return None
    return None if isinstance(module, StandIn) else module


def put_in_place(operators: dict[str, Callable]) -> None:
    """Make ``import mmcv._ext`` give a stand-in with ``operators``."""
    if isinstance(sys.modules.get(MODULE_NAME), StandIn):
        return
    module = StandIn(operators)
    sys.modules[MODULE_NAME] = module
    vars(importlib.import_module('mmcv'))['_ext'] = module
