"""Samplers."""

from .resumable_multi_source_sampler import ResumableMultiSourceSampler

__all__ = ['ResumableMultiSourceSampler']
