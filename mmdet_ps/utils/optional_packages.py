"""Packages that the project does without."""

import importlib

from mmdet_ps.utils.errors import UserError


def optional(name: str):
    """A package that may not be there, or a module of it.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f'{name} cannot be imported ({error}): '
            f'pip install {name.partition(".")[0]}'
        ) from None
