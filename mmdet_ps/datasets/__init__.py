"""Datasets, transforms and samplers."""

from . import samplers, transforms

__all__ = ['samplers', 'transforms']
