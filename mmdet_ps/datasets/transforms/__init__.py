"""Transforms that know identities."""

from .branch_views import BranchViews
from .decoding_resize import DecodingResize
from .persons import (
    FilterPersonAnnotations,
    FlipCopies,
    LoadPersonAnnotations,
    PackPersonSearchInputs,
)
from .square_crops import RandomFocusedCrop, RandomSafeCrop

__all__ = [
    'BranchViews',
    'DecodingResize',
    'FilterPersonAnnotations',
    'FlipCopies',
    'LoadPersonAnnotations',
    'PackPersonSearchInputs',
    'RandomFocusedCrop',
    'RandomSafeCrop',
]
