"""Optimizers."""

from .joint_optim_wrapper import JointOptimWrapper
from .parts_constructor import PartsOptimWrapperConstructor

__all__ = ['JointOptimWrapper', 'PartsOptimWrapperConstructor']
