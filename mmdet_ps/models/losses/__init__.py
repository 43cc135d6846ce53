"""Losses."""

from .identity_loss import IdentityLoss
from .identity_memory import IdentityMemory
from .oim_loss import OIMLoss

__all__ = ['IdentityLoss', 'IdentityMemory', 'OIMLoss']
