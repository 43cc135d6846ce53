"""LUPerson: millions of crops without identities, as LMDB or as files."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

from ..crop_index import CropIndex
from .errors import REFETCH, NativeDataError
from .files import NativeRoot
from .records import NativeSet, Split

KEY_FILES = ('keys.pkl', 'lmdb/keys.pkl', 'lup/lmdb/keys.pkl')


def read_luperson(root: NativeRoot) -> NativeSet:
    """All crops as one training split, in the order of the keys or names."""
    keys = next((name for name in KEY_FILES if root.has(name)), None)
    if keys is not None:
        crops = CropIndex.build(read_keys(root.path / keys))
        storage = 'lmdb'
    else:
        crops = CropIndex.build(walk_images(root.path))
        storage = 'files'
    if not len(crops):
        raise root.missing(
            'file', *KEY_FILES, '<country>/<city>/<video>/<frame>_<crop>.jpg'
        )
    split = Split('train', [], 0, crops=crops, storage=storage)
    return NativeSet([split], {'train images': len(crops)})


class PlainUnpickler(pickle.Unpickler):
    """Numbers, texts and containers only: a pickle may not run code."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f'holds {module}.{name}')


def read_keys(path: Path) -> list[str]:
    """The LMDB keys; newer files hold them in a dict beside made-up ids."""
    try:
        with open(path, 'rb') as file:
            keys = PlainUnpickler(file).load()
    except Exception as error:  # a damaged pickle raises anything
        raise NativeDataError(
            path, f'is not a plain pickle ({error})', REFETCH
        ) from None
    if isinstance(keys, dict):
        keys = keys.get('keys')
    if not isinstance(keys, (list, tuple)) or not all(
        isinstance(key, (str, bytes)) for key in keys
    ):
        raise NativeDataError(path, 'holds no list of keys', REFETCH)
    return [key if isinstance(key, str) else key.decode() for key in keys]


def walk_images(root: Path) -> Iterator[str]:
    """Paths of all JPEG files below the root, relative to it, in order."""
    for folder, below, names in os.walk(root, followlinks=True):
        below[:] = sorted(set(below) - {'prepared'})
        for name in sorted(names):
            if name.lower().endswith('.jpg'):
                yield os.path.relpath(os.path.join(folder, name), root)
