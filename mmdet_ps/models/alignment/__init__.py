"""Intra-task alignment: sources of one sub-task made alike."""

from .domain_alignment import DomainAlignment, DomainClassifier
from .feature_queue import FeatureQueue
from .gradient_reversal import (
    reversal_ramp,
    reverse_gradient,
    training_progress,
)
from .intra_task_alignment import IntraTaskAlignment

__all__ = [
    'DomainAlignment',
    'DomainClassifier',
    'FeatureQueue',
    'IntraTaskAlignment',
    'reversal_ramp',
    'reverse_gradient',
    'training_progress',
]
