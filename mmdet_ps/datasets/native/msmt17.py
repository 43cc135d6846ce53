"""MSMT17: V1, V2 (faces masked) and the repack in Market-1501's form.

The dataset is that of Wei et al., "Person Transfer GAN to Bridge Domain Gap
for Person Re-identification" (CVPR 2018).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, read_lines
from .market1501 import crop, read_market1501, reid_facts
from .records import ImageRecord, NativeSet, Note, Split, contiguous_ids

# folders of the training and the test images, by release
RELEASES = (('train', 'test'), ('mask_train_v2', 'mask_test_v2'))


def read_msmt17(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one queries then gallery.

    The images of list_val.txt are trained on, as published methods do.
    Identities of each split are numbered on their own.
    """
    if root.has('bounding_box_train'):
        return read_market1501(root, has_distractors=False)
    train_folder = root.folder(*(train for train, _ in RELEASES)).name
    test_folder = dict(RELEASES)[train_folder]
    root.folder(test_folder)
    notes: list[Note] = []
    train = _listed(root, 'train', train_folder)
    # The validation images lie in the training folder and are trained on.
    train += _listed(root, 'val', train_folder, role='train')
    query = _listed(root, 'query', test_folder)
    gallery = _listed(root, 'gallery', test_folder)
    labels = contiguous_ids(r.person_ids[0] for r in train)
    for record in train:
        record.person_ids = np.array([labels[int(record.person_ids[0])]])
    notes.append(
        Note(
            'identities start at 0 in train and in test',
            'list_*.txt',
            'numbered per split',
        )
    )
    splits = [
        Split('train', train, len(labels)),
        Split('test', query + gallery, 0),
    ]
    return NativeSet(splits, reid_facts(train, query, gallery), notes)


def _listed(
    root: NativeRoot, name: str, folder: str, role: str | None = None
) -> list[ImageRecord]:
    path = root.file(f'list_{name}.txt')
    records = [
        _entry(line, number, path, folder, role or name)
        for number, line in read_lines(path)
    ]
    if not records:
        raise NativeDataError(path, 'is empty', REFETCH)
    return records


def _entry(
    line: str, number: int, path: Path, folder: str, role: str
) -> ImageRecord:
    try:
        name, person_id = line.split()
        camera = int(Path(name).name.split('_')[2])
        return crop(
            f'{folder}/{name}', int(person_id), camera=camera, role=role
        )
    except (ValueError, IndexError):
        raise NativeDataError(
            path,
            f'line {number} is not "0000/0000_000_01_... id": {line!r}',
            REFETCH,
        ) from None
