"""Packages whose parts are imported when they are first asked for."""

import importlib
from collections.abc import Callable


def import_on_use(package: str, parts: dict[str, str]) -> Callable:
    """The ``__getattr__`` of a package that imports nothing by itself.

    Python calls it for names that the package does not hold (PEP 562).

    Args:
        package: Name of the package.
        parts: Name that users import from it -> module that holds it.
    """

    def __getattr__(name: str) -> object:
        if name not in parts:
            raise AttributeError(
                f'module {package!r} has no attribute {name!r}'
            )
        module = importlib.import_module(f'.{parts[name]}', package)
        return getattr(module, name)

    return __getattr__
