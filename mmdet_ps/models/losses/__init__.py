"""Losses."""

from .classified_oim_loss import ClassifiedOIMLoss
from .identity_loss import NO_BOX, REID_KEYS, IdentityLoss, PersonRows
from .identity_memory import IdentityMemory
from .memory_triplet_loss import MemoryTripletLoss
from .mutual_information_loss import MutualInformationLoss
from .oim_loss import OIMLoss
from .scene_memory import SceneMemory
from .softmax_identity_loss import SoftmaxIdentityLoss
from .two_view_loss import TwoViewLoss

__all__ = [
    'NO_BOX',
    'REID_KEYS',
    'ClassifiedOIMLoss',
    'IdentityLoss',
    'IdentityMemory',
    'MemoryTripletLoss',
    'MutualInformationLoss',
    'OIMLoss',
    'PersonRows',
    'SceneMemory',
    'SoftmaxIdentityLoss',
    'TwoViewLoss',
]
