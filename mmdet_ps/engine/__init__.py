"""Hooks around training and testing."""

from . import hooks, optimizers

__all__ = ['hooks', 'optimizers']
