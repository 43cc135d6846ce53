"""Transforms that know identities."""

from .branch_views import BranchViews
from .persons import (
    FilterPersonAnnotations,
    FlipCopies,
    LoadPersonAnnotations,
    PackPersonSearchInputs,
)

__all__ = [
    'BranchViews',
    'FilterPersonAnnotations',
    'FlipCopies',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
]
