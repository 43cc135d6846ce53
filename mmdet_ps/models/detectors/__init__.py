"""Detectors: the order of the calls, no mathematics."""

from .hybrid_pretrain_detector import HybridPretrainDetector
from .person_search_rcnn import PersonSearchRCNN

__all__ = ['HybridPretrainDetector', 'PersonSearchRCNN']
