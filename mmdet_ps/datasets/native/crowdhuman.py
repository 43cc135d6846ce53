"""CrowdHuman: one JSON object per line, boxes that leave the image.

The dataset is that of Shao et al., "CrowdHuman: A Benchmark for Detecting
Human in a Crowd" (2018).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, read_lines
from .json_entries import Entry, parse_json
from .records import ImageRecord, NativeSet, Note, Split, person_facts

IMAGE_FOLDERS = {
    'train': (
        'Images',
        'train/Images',
        'CrowdHuman_train/Images',
        'CrowdHuman_train',
    ),
    'val': (
        'Images_val',
        'val/Images',
        'CrowdHuman_val/Images',
        'CrowdHuman_val',
        'Images',
    ),
}


def read_crowdhuman(root: NativeRoot, box_key: str = 'fbox') -> NativeSet:
    """Read the splits ``train`` and ``test``, this one the validation set.

    Boxes are cut at the border of the image. Those of the class ``mask`` and
    those marked ``ignore`` become regions to ignore.

    Args:
        root (NativeRoot): The folder of the dataset.
        box_key (str): Which box of a person is taken: ``fbox`` the full body,
            ``vbox`` the visible part of it, ``hbox`` the head.
    """
    notes: list[Note] = []
    splits = []
    for name, source in (('train', 'train'), ('test', 'val')):
        path = root.file(f'annotation_{source}.odgt')
        folder = root.folder(*IMAGE_FOLDERS[source])
        records = [
            _record(line, number, path, root.relative(folder), box_key, notes)
            for number, line in read_lines(path)
        ]
        _check_repeats(records, path)
        splits.append(Split(name, records))
    return NativeSet(splits, person_facts(splits, notes), notes, clip=True)


def _record(
    line: str,
    number: int,
    path: Path,
    folder: str,
    box_key: str,
    notes: list[Note],
) -> ImageRecord:
    entry = parse_json(line, path, f'line {number}')
    image_id = entry['ID'].text()
    boxes, ignored = [], []
    for person in entry['gtboxes'].items():
        box = person[box_key].box()
        if min(box[2:]) <= 0:
            where = f'{path.name} {person.where}'
            notes.append(Note('box without area', where, 'dropped'))
            continue
        boxes.append([*box[:2], *(box[:2] + box[2:])])
        ignored.append(is_ignored(person))
    return ImageRecord(
        f'{folder}/{image_id}.jpg',
        np.array(boxes),
        ignored=np.array(ignored, bool),
    )


def is_ignored(person: Entry) -> bool:
    """Whether a box is no person or is marked ``ignore``.

    The mark ``head_attr.ignore`` is not looked at: it is about the head only.
    """
    extra = person['extra']
    marked = extra['ignore'].flag() if extra else False
    return marked or person['tag'].value != 'person'


def _check_repeats(records: list[ImageRecord], path: Path) -> None:
    seen = set()
    for record in records:
        if record.img_path in seen:
            raise NativeDataError(
                path, f'two lines describe {record.img_path}', REFETCH
            )
        seen.add(record.img_path)
