"""Anchors, box coders, assigners and samplers."""

from .best_anchor_assigner import BestAnchorAssigner
from .best_overlap_sampler import BestOverlapSampler
from .capped_delta_coder import CappedDeltaXYWHBBoxCoder
from .person_assigner import PersonAssigner
from .rounded_anchor_generator import RoundedAnchorGenerator

__all__ = [
    'BestAnchorAssigner',
    'BestOverlapSampler',
    'CappedDeltaXYWHBBoxCoder',
    'PersonAssigner',
    'RoundedAnchorGenerator',
]
