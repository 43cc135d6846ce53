"""CrowdHuman: one JSON object per line, boxes that leave the image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, json_box, read_lines
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
    """Full bodies, cut at the border; masks and ``ignore`` are ignored."""
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
    try:
        entry = json.loads(line)
        image_id, persons = entry['ID'], entry['gtboxes']
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise NativeDataError(
            path,
            f'line {number} is no record with ID and gtboxes '
            f'({type(error).__name__})',
            REFETCH,
        ) from None
    boxes, ignored = [], []
    for k, person in enumerate(persons):
        where = f'line {number} ({image_id}): gtboxes[{k}].{box_key}'
        box = json_box(person.get(box_key), where, path)
        if min(box[2:]) <= 0:
            notes.append(
                Note(
                    'box without area',
                    f'{path.name} line {number} gtboxes[{k}]',
                    'dropped',
                )
            )
            continue
        boxes.append([*box[:2], *(box[:2] + box[2:])])
        ignored.append(is_ignored(person))
    return ImageRecord(
        f'{folder}/{image_id}.jpg',
        np.array(boxes),
        ignored=np.array(ignored, bool),
    )


def is_ignored(person: dict) -> bool:
    """Not a person, or marked; ``head_attr.ignore`` is about heads only."""
    extra = person.get('extra') or {}
    return person.get('tag') != 'person' or extra.get('ignore', 0) == 1


def _check_repeats(records: list[ImageRecord], path: Path) -> None:
    seen = set()
    for record in records:
        if record.img_path in seen:
            raise NativeDataError(
                path, f'two lines describe {record.img_path}', REFETCH
            )
        seen.add(record.img_path)
