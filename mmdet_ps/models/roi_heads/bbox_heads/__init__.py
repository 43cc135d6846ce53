"""Heads on RoI features."""

from .embedding_bbox_head import EmbeddingBBoxHead, EmbeddingLayer
from .light_bbox_head import LightBBoxHead
from .norm_aware_bbox_head import NormAwareBBoxHead
from .one_logit_bbox_head import OneLogitBBoxHead
from .pooled_bbox_head import PooledBBoxHead

__all__ = [
    'EmbeddingBBoxHead',
    'EmbeddingLayer',
    'LightBBoxHead',
    'NormAwareBBoxHead',
    'OneLogitBBoxHead',
    'PooledBBoxHead',
]
