"""LUPerson: millions of crops without identities, as LMDB or as files.

The dataset is that of Fu et al., "Unsupervised Pre-training for Person
Re-identification" (CVPR 2021).
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from mmdet_ps.utils.images import IMAGE_SUFFIXES

from ..crop_index import CropIndex
from .apart import mark_reading
from .errors import REFETCH, NativeDataError
from .files import NativeRoot, walk_files
from .records import NativeSet, Note, Split

KEY_FILES = ('keys.pkl', 'lmdb/keys.pkl', 'lup/lmdb/keys.pkl')


def read_luperson(root: NativeRoot) -> NativeSet:
    """Read all crops as the one split ``train``.

    They come in the order of the keys of the database where there is a key
    file, else in that of folders and names.
    """
    notes: list[Note] = []
    file = next((name for name in KEY_FILES if root.has(name)), None)
    if file is not None:
        keys = read_keys(root.path / file)
        check_store(root, root.path / file, keys, notes)
        crops, storage = CropIndex.build(keys), 'lmdb'
    else:
        paths = walk_files(root.path, IMAGE_SUFFIXES, notes, skip=['prepared'])
        crops, storage = CropIndex.build(paths), 'files'
    if not len(crops):
        raise root.missing(
            'file', *KEY_FILES, '<country>/<city>/<video>/<frame>_<crop>.jpg'
        )
    split = Split('train', [], 0, crops=crops, storage=storage)
    return NativeSet([split], {'train images': len(crops)}, notes)


class PlainUnpickler(pickle.Unpickler):
    """Numbers, texts and containers only: a pickle may not run code."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f'holds {module}.{name}')


def read_keys(path: Path) -> list[str]:
    """Read the keys of the database.

    A key file is a pickled list, or a dict with the list as ``keys``.

    Raises:
        NativeDataError: The file is no such pickle, or a key is no text.
    """
    try:
        with open(path, 'rb') as file:
            keys = PlainUnpickler(file).load()
    except Exception as error:  # a damaged pickle raises anything
        raise NativeDataError(
            path, f'is not a plain pickle ({error})', REFETCH
        ) from None
    if isinstance(keys, dict):
        keys = keys.get('keys')
    if not isinstance(keys, (list, tuple)) or not keys:
        raise NativeDataError(path, 'holds no list of keys', REFETCH)
    try:
        return [
            key.decode() if isinstance(key, bytes) else check_key(key)
            for key in keys
        ]
    except (TypeError, ValueError) as error:
        raise NativeDataError(
            path, f'holds a key that is no text ({error})', REFETCH
        ) from None


def check_key(key: str) -> str:
    """Return a key if a database can hold it.

    Raises:
        TypeError: The key is no text, or empty.
        ValueError: It has characters that UTF-8 does not.
    """
    if not isinstance(key, str) or not key:
        raise TypeError(f'{key!r:.40}')
    key.encode()
    return key


def check_store(
    root: NativeRoot, path: Path, keys: list[str], notes: list[Note]
) -> None:
    """Check that the database is there and holds the keys.

    About a hundred keys are looked up.

    Args:
        root (NativeRoot): The folder of the dataset.
        path (Path): The key file; the database lies in the folder ``lmdb``
            beside it, or in the same folder.
        keys (list[str]): The keys.
        notes (list[Note]): Takes a note where the database lies elsewhere
            than configurations expect, or cannot be opened for want of the
            package lmdb.

    Raises:
        NativeDataError: The database is missing or damaged, or lacks keys.
    """
    folders = [path.parent / 'lmdb', path.parent]
    folder = next((f for f in folders if os.path.isfile(f / 'data.mdb')), None)
    if folder is None:
        raise NativeDataError(
            path,
            f'the LMDB of its {len(keys)} keys is missing: there is no '
            f'{folders[0] / "data.mdb"}',
            'put or link the database there, or take the key file away to '
            'read image files',
        )
    if folder != root.path / 'lmdb':
        notes.append(
            Note(
                'LMDB in another folder than lmdb',
                str(folder),
                'name it as db_path in configs/_base_/datasets/luperson.py',
            )
        )
    try:
        import lmdb
    except ImportError:
        notes.append(
            Note(
                'LMDB not opened, since lmdb is not installed',
                str(folder),
                'taken on trust',
            )
        )
        return
    mark_reading(folder / 'data.mdb')
    try:
        with (
            lmdb.open(
                str(folder), readonly=True, lock=False, max_readers=1
            ) as store,
            store.begin() as reading,
        ):
            held = store.stat()['entries']
            asked = keys[:: max(1, len(keys) // 100)]
            lacking = [k for k in asked if reading.get(k.encode()) is None]
    except lmdb.Error as error:
        raise NativeDataError(
            folder / 'data.mdb', f'is no LMDB ({error})', REFETCH
        ) from None
    if held < len(set(keys)) or lacking:
        raise NativeDataError(
            path,
            f'names {len(keys)} keys, and {folder / "data.mdb"} holds {held}'
            + (f', not {lacking[0]}' if lacking else ''),
            REFETCH,
        )
