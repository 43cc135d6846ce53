"""RoI heads."""

from . import bbox_heads
from .batched_roi_head import BatchedRoIHead
from .cascaded_roi_head import CascadedRoIHead
from .filtered_roi_head import FilteredRoIHead
from .gallery_filter import GalleryFilter
from .occluded_transformer import OccludedTransformer
from .person_search_roi_head import PersonSearchRoIHead
from .reid_head import SeparatedReIDHead
from .separated_roi_head import SeparatedRoIHead
from .sequential_roi_head import SequentialRoIHead

__all__ = [
    'BatchedRoIHead',
    'CascadedRoIHead',
    'FilteredRoIHead',
    'GalleryFilter',
    'OccludedTransformer',
    'PersonSearchRoIHead',
    'SeparatedReIDHead',
    'SeparatedRoIHead',
    'SequentialRoIHead',
    'bbox_heads',
]
