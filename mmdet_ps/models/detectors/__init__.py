"""Detectors: the order of the calls, no mathematics."""

from .alignps import AlignPS
from .hybrid_pretrain_detector import HybridPretrainDetector
from .near_start_term import NearStartTerm
from .person_search_rcnn import PersonSearchRCNN
from .roi_alignps import ROIAlignPS

__all__ = [
    'AlignPS',
    'HybridPretrainDetector',
    'NearStartTerm',
    'PersonSearchRCNN',
    'ROIAlignPS',
]
