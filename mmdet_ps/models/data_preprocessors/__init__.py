"""Preprocessing of batches on the device."""

from .hybrid_data_preprocessor import HybridDataPreprocessor

__all__ = ['HybridDataPreprocessor']
