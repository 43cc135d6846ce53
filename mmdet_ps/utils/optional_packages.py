"""Packages that the project does without."""

import importlib

from mmdet_ps.utils.errors import UserError


def optional(name: str):
    """A package that may not be there.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f'{name} cannot be imported ({error}): pip install {name}'
        ) from None
