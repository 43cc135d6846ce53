"""Transforms that know identities."""

from .branch_views import BranchViews
from .decoding_resize import DecodingResize
from .persons import (
    FilterPersonAnnotations,
    FlipCopies,
    LoadPersonAnnotations,
    PackPersonSearchInputs,
)

__all__ = [
    'BranchViews',
    'DecodingResize',
    'FilterPersonAnnotations',
    'FlipCopies',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
]
