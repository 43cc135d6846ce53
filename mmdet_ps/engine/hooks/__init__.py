"""Hooks."""

from .checked_load_hook import CheckedLoadHook
from .iteration_seed_hook import IterationSeedHook

__all__ = ['CheckedLoadHook', 'IterationSeedHook']
