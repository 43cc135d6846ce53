"""Datasets, transforms and samplers.

The classes that MMDetection's registries build import MMDetection. They are
imported when they are first asked for, so that the readers in ``native``,
which serve the scoring of files as well, load without it.
"""

from typing import TYPE_CHECKING

from ..utils.late_import import import_on_use

if TYPE_CHECKING:
    from .crop_mosaic_dataset import CropMosaicDataset
    from .person_concat_dataset import PersonConcatDataset
    from .person_search_dataset import PersonSearchDataset
    from .reid_crop_dataset import ReIDCropDataset

__all__ = [
    'CropMosaicDataset',
    'PersonConcatDataset',
    'PersonSearchDataset',
    'ReIDCropDataset',
]

__getattr__ = import_on_use(
    __name__,
    {
        'CropMosaicDataset': 'crop_mosaic_dataset',
        'PersonConcatDataset': 'person_concat_dataset',
        'PersonSearchDataset': 'person_search_dataset',
        'ReIDCropDataset': 'reid_crop_dataset',
    },
)
