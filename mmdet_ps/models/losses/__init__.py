"""Losses."""

from .identity_loss import IdentityLoss
from .identity_memory import IdentityMemory
from .oim_loss import OIMLoss
from .softmax_identity_loss import SoftmaxIdentityLoss

__all__ = [
    'IdentityLoss',
    'IdentityMemory',
    'OIMLoss',
    'SoftmaxIdentityLoss',
]
