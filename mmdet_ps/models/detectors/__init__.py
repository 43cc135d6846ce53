"""Detectors: the order of the calls, no mathematics."""

from .alignps import AlignPS
from .hybrid_pretrain_detector import HybridPretrainDetector
from .person_search_rcnn import PersonSearchRCNN
from .roi_alignps import ROIAlignPS

__all__ = [
    'AlignPS',
    'HybridPretrainDetector',
    'PersonSearchRCNN',
    'ROIAlignPS',
]
