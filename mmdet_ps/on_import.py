"""What happens around the import of some modules of OpenMMLab.

``import mmdet_ps`` promises that models can be built afterwards, yet it would
take seconds to keep the promise at once. So each step waits for the module
that it concerns:

* ``mmcv.ops`` gets the operators that mmcv lacks,
* ``mmdet.registry`` learns where the parts of this package are,
* ``mmengine.runner.checkpoint`` reads files by ``utils.safe_load`` alone,
* ``mmdet.datasets`` imports in silence.
"""

import contextlib
import importlib.abc
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Around = Callable[[ModuleType], AbstractContextManager]
REGISTRATION = 'mmdet_ps.registration'


@contextlib.contextmanager
def supply_operators(module: ModuleType) -> Iterator[None]:
    """Give ``mmcv.ops`` what it asks for while it is imported."""
    from .ops import standing_in

    with standing_in():
        yield


@contextlib.contextmanager
def announce_parts(registry: ModuleType) -> Iterator[None]:
    """Let every registry of ``mmdet.registry`` import this package, too.

    A registry imports its locations once, when it is first asked for a name.
    """
    from mmengine.registry import Registry

    yield
    for candidate in vars(registry).values():
        if isinstance(candidate, Registry) and candidate.scope == 'mmdet':
            candidate._locations.append(REGISTRATION)
            candidate._imported = False


@contextlib.contextmanager
def load_safely(checkpoint: ModuleType) -> Iterator[None]:
    """Let every way in which mmengine reads a checkpoint be a safe one.

    Its own loaders fall back to running a file's code after a refusal.
    """
    yield
    from .utils.weights_store import load_from_store

    loader = checkpoint.CheckpointLoader
    loader.register_scheme(list(loader._schemes), load_from_store, force=True)


@contextlib.contextmanager
def silence(module: ModuleType) -> Iterator[None]:
    """Swallow what is printed meanwhile.

    mmdet prints on every import that an optional package of datasets is not
    installed; nobody who searches persons needs it.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        yield


AROUND: dict[str, Around] = {
    'mmcv.ops': supply_operators,
    'mmdet.registry': announce_parts,
    'mmengine.runner.checkpoint': load_safely,
    'mmdet.datasets': silence,
}


class AroundImports(importlib.abc.MetaPathFinder):
    """Finds a module as everybody else does, and runs it inside a context.

    Args:
        around: Name of a module -> what makes the context of its import.
    """

    def __init__(self, around: dict[str, Around]) -> None:
        self.around = around

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The spec of a module to be wrapped; None for any other."""
        if fullname not in self.around:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._wrap(spec)
                return spec
        return None

    def _wrap(self, spec: ModuleSpec) -> None:
        # On the object, not by another loader: whoever asks the loader for
        # the source of the module still gets it.
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            with self.around[spec.name](module):
                execute(module)

        loader.exec_module = exec_module


def arrange() -> None:
    """Let the above happen, at once for what has been imported before.

    Operators are left alone where ``mmcv.ops`` has been imported before: that
    it could be imported shows that it has some.
    """
    sys.meta_path.insert(0, AroundImports(AROUND))
    for name in ('mmdet.registry', 'mmengine.runner.checkpoint'):
        if name in sys.modules:
            with AROUND[name](sys.modules[name]):
                pass
