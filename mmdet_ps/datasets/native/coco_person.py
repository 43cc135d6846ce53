"""The persons of COCO; crowds are ignored, images without persons left out."""

from __future__ import annotations

from pathlib import Path

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, json_box, read_json
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    person_facts,
    xywh_to_xyxy,
)


def read_coco_person(root: NativeRoot) -> NativeSet:
    """Images with at least one person that is no crowd."""
    notes: list[Note] = []
    splits = []
    for name, source in (('train', 'train2017'), ('test', 'val2017')):
        path = root.file(f'annotations/instances_{source}.json')
        records = _read(path, source, notes)
        splits.append(Split(name, records))
    return NativeSet(splits, person_facts(splits, notes), notes, clip=True)


def _read(path: Path, folder: str, notes: list[Note]) -> list[ImageRecord]:
    document = read_json(path, 'images', 'annotations', 'categories')
    persons = {
        c['id'] for c in document['categories'] if c['name'] == 'person'
    }
    if not persons:
        raise NativeDataError(path, 'has no category "person"', REFETCH)
    grouped: dict = {image['id']: [] for image in document['images']}
    for k, row in enumerate(document['annotations']):
        if row['category_id'] not in persons:
            continue
        where = f'{path.name} annotations[{k}]'
        box = json_box(row.get('bbox'), f'annotations[{k}].bbox', path)
        if row['image_id'] not in grouped:
            raise NativeDataError(
                path, f'annotations[{k}] belongs to no image', REFETCH
            )
        if min(box[2:]) < 1:
            notes.append(Note('box below one pixel', where, 'dropped'))
            continue
        grouped[row['image_id']].append((box, bool(row.get('iscrowd'))))
    records = []
    for image in document['images']:
        rows = grouped[image['id']]
        if any(not crowd for _, crowd in rows):
            records.append(
                ImageRecord(
                    f'{folder}/{image["file_name"]}',
                    xywh_to_xyxy([box for box, _ in rows]),
                    ignored=[crowd for _, crowd in rows],
                    width=image['width'],
                    height=image['height'],
                )
            )
    return records
