"""Datasets, transforms and samplers.

The classes that MMDetection's registries build import MMDetection. They are
imported when they are first asked for, so that the readers in ``native``,
which serve the scoring of files as well, load without it.
"""

import importlib

PARTS = {
    'CropMosaicDataset': 'crop_mosaic_dataset',
    'PersonConcatDataset': 'person_concat_dataset',
    'PersonSearchDataset': 'person_search_dataset',
    'ReIDCropDataset': 'reid_crop_dataset',
}

__all__ = list(PARTS)


def __getattr__(name: str) -> object:
    """Import the module of a dataset when it is first asked for."""
    if name not in PARTS:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = importlib.import_module(f'.{PARTS[name]}', __name__)
    return getattr(module, name)
