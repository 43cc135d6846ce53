"""Datasets, transforms and samplers."""

from . import samplers, transforms
from .crop_mosaic_dataset import CropMosaicDataset
from .person_concat_dataset import PersonConcatDataset
from .person_search_dataset import PersonSearchDataset
from .reid_crop_dataset import ReIDCropDataset

__all__ = [
    'CropMosaicDataset',
    'PersonConcatDataset',
    'PersonSearchDataset',
    'ReIDCropDataset',
    'samplers',
    'transforms',
]
