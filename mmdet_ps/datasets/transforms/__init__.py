"""Transforms that know identities."""

from .persons import (
    FilterPersonAnnotations,
    FlipCopies,
    LoadPersonAnnotations,
    PackPersonSearchInputs,
)
from .two_views import TwoViews

__all__ = [
    'FilterPersonAnnotations',
    'FlipCopies',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
    'TwoViews',
]
