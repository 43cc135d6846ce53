"""Transforms that know identities."""

from .filtering import FilterPersonAnnotations
from .flip_copies import FlipCopies
from .formatting import PackPersonSearchInputs
from .loading import LoadPersonAnnotations
from .two_views import TwoViews

__all__ = [
    'FilterPersonAnnotations',
    'FlipCopies',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
    'TwoViews',
]
