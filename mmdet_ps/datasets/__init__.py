"""Datasets, transforms and samplers."""

from . import samplers, transforms
from .person_search_dataset import PersonSearchDataset

__all__ = ['PersonSearchDataset', 'samplers', 'transforms']
