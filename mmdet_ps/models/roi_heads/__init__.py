"""RoI heads."""

from . import bbox_heads
from .person_search_roi_head import PersonSearchRoIHead
from .reid_head import SeparatedReIDHead
from .separated_roi_head import SeparatedRoIHead

__all__ = [
    'PersonSearchRoIHead',
    'SeparatedReIDHead',
    'SeparatedRoIHead',
    'bbox_heads',
]
