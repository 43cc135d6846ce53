"""Scoring of person search: pure functions and metrics."""

from . import metrics

__all__ = ['metrics']
