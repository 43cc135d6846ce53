"""Samplers."""

from .identity_sampler import IdentitySampler
from .resumable_multi_source_sampler import ResumableMultiSourceSampler

__all__ = ['IdentitySampler', 'ResumableMultiSourceSampler']
