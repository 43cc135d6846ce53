"""Optimizers."""

from .joint_optim_wrapper import JointOptimWrapper
from .mixed_precision_wrapper import MixedPrecisionOptimWrapper
from .parts_constructor import PartsOptimWrapperConstructor

__all__ = [
    'JointOptimWrapper',
    'MixedPrecisionOptimWrapper',
    'PartsOptimWrapperConstructor',
]
