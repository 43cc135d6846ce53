"""Layers."""

from .small_batch_norm import SmallBatchNorm1d

__all__ = ['SmallBatchNorm1d']
