"""RoI heads."""

from . import bbox_heads

__all__ = ['bbox_heads']
