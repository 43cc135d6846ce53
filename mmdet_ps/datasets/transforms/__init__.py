"""Transforms that know identities."""

from .filtering import FilterPersonAnnotations
from .formatting import PackPersonSearchInputs
from .loading import LoadPersonAnnotations

__all__ = [
    'FilterPersonAnnotations',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
]
