"""Samplers."""

from .identity_sampler import IdentitySampler
from .resumable_multi_source_sampler import ResumableMultiSourceSampler
from .scene_identity_sampler import SceneIdentitySampler

__all__ = [
    'IdentitySampler',
    'ResumableMultiSourceSampler',
    'SceneIdentitySampler',
]
