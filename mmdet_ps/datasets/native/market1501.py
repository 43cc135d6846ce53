"""Market-1501 and every set repacked in its form.

Market-1501 is that of Zheng et al., "Scalable Person Re-identification: A
Benchmark" (ICCV 2015).

DukeMTMC-reID, CUHK03-NP and the repack of MSMT17 have the same three
folders and the same names, ``<id>_c<camera>...``.
"""

from __future__ import annotations

import re

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED

from .errors import NativeDataError
from .files import NativeRoot, list_images
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    contiguous_ids,
    count_facts,
)

FOLDERS = ('bounding_box_train', 'query', 'bounding_box_test')
NAME = re.compile(r'(-?\d{1,9})_c(\d{1,9})')
JUNK, DISTRACTOR = -1, 0


def read_market1501(
    root: NativeRoot, prefix: str = '', has_distractors: bool = True
) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one queries then gallery.

    Identities of the training split are numbered from 0 without gaps; those
    of the test split keep the numbers of the files.

    Args:
        root (NativeRoot): The folder of the dataset.
        prefix (str): What stands before the names of the three folders.
        has_distractors (bool): Whether identity 0 is a distractor
            (Market-1501) rather than a person (MSMT17, whose identities
            start at 0).
    """
    notes: list[Note] = []
    train, query, gallery = (
        _crops(root, prefix + folder, role, notes)
        for folder, role in zip(FOLDERS, ('train', 'query', 'gallery'))
    )
    if has_distractors:
        train = _without(train, DISTRACTOR, notes)
        distractors = sum(int(r.person_ids[0]) == DISTRACTOR for r in gallery)
    labels = contiguous_ids(r.person_ids[0] for r in train)
    for record in train:
        record.person_ids = np.array([labels[int(record.person_ids[0])]])
    shared = {int(r.person_ids[0]) for r in query} - {
        int(r.person_ids[0]) for r in gallery
    }
    for person_id in sorted(shared):
        notes.append(
            Note(
                'query identity without gallery image',
                f'id {person_id}',
                'kept; it cannot be scored',
            )
        )
    test = Split('test', query + gallery, 0)
    splits = [Split('train', train, len(labels)), test]
    facts = reid_facts(train, query, gallery)
    if has_distractors:
        facts['gallery distractors'] = distractors
        facts['gallery ids'] -= int(distractors > 0)
        # They show many persons, or none: nobody's companions.
        for record in gallery:
            if record.person_ids[0] == DISTRACTOR:
                record.person_ids = np.array([UNLABELLED])
    return NativeSet(splits, facts, notes)


def reid_facts(
    train: list[ImageRecord],
    query: list[ImageRecord],
    gallery: list[ImageRecord],
) -> dict[str, int]:
    """Images and identities of the three parts of a re-ID set."""
    facts = {}
    for name, part in (
        ('train', train),
        ('query', query),
        ('gallery', gallery),
    ):
        counted = count_facts(Split(name, part))
        facts[f'{name} images'] = counted['images']
        facts[f'{name} ids'] = counted.get('ids', 0)
    return facts


def crop(img_path: str, person_id: int, **extra) -> ImageRecord:
    """Make the record of a crop.

    Its box becomes the whole image once the size of that is known.

    Args:
        img_path (str): The image, relative to the root.
        person_id (int): The identity.
        **extra: What else goes into the annotation file, such as ``camera``.
    """
    return ImageRecord(
        img_path,
        np.array([[0, 0, np.inf, np.inf]]),
        np.array([person_id]),
        extra=extra,
    )


def _crops(
    root: NativeRoot, relative: str, role: str, notes: list[Note]
) -> list[ImageRecord]:
    folder = root.folder(relative)
    names = list_images(folder, notes=notes)
    if not names:
        raise NativeDataError(
            folder, 'holds no image', f'it comes from {root.provenance}'
        )
    records, junk = [], []
    for name in names:
        match = NAME.match(name)
        if match is None:
            notes.append(
                Note(
                    'name without identity and camera',
                    f'{relative}/{name}',
                    'left out',
                )
            )
            continue
        person_id, camera = int(match[1]), int(match[2])
        if person_id == JUNK:
            junk.append(f'{relative}/{name}')
            continue
        records.append(
            crop(f'{relative}/{name}', person_id, camera=camera, role=role)
        )
    if junk:
        notes.append(
            Note('junk crop (identity -1)', junk[0], 'left out', len(junk))
        )
    if not records:
        raise NativeDataError(
            folder,
            f'no name has the form 0001_c1..., e.g. {names[0]}',
            'check that this is the dataset its name says',
        )
    return records


def _without(
    records: list[ImageRecord], person_id: int, notes: list[Note]
) -> list[ImageRecord]:
    dropped = [r for r in records if int(r.person_ids[0]) == person_id]
    if dropped:
        notes.append(
            Note(
                'distractor in the training set',
                dropped[0].img_path,
                'left out',
                len(dropped),
            )
        )
    return [r for r in records if int(r.person_ids[0]) != person_id]
