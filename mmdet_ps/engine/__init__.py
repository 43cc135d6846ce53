"""Hooks around training and testing."""

from . import hooks

__all__ = ['hooks']
