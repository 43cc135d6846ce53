"""Necks."""

from .aligned_feature_aggregation import AlignedFeatureAggregation

__all__ = ['AlignedFeatureAggregation']
