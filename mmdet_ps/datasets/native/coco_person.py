"""The persons of COCO; crowds are ignored, images without persons left out."""

from __future__ import annotations

from pathlib import Path

from .errors import REFETCH, NativeDataError
from .files import NativeRoot
from .json_entries import Entry, belonging, by_id, read_json
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    person_facts,
    xywh_to_xyxy,
)


def read_coco_person(root: NativeRoot) -> NativeSet:
    """Read ``train`` (train2017) and ``test`` (val2017).

    They have the images with at least one person that is no crowd.
    """
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
        category['id'].key()
        for category in document['categories'].items()
        if category['name'].text() == 'person'
    }
    if not persons:
        raise NativeDataError(path, 'has no category "person"', REFETCH)
    images = by_id(document['images'])
    grouped: dict[int | str, list] = {key: [] for key in images}
    for row in document['annotations'].items():
        if row['category_id'].key() not in persons:
            continue
        box = row['bbox'].box()
        rows = belonging(row, grouped)
        if min(box[2:]) < 1:
            where = f'{path.name} {row.where}'
            notes.append(Note('box below one pixel', where, 'dropped'))
            continue
        rows.append((box, row['iscrowd'].flag()))
    records = []
    for key, image in images.items():
        rows = grouped[key]
        if any(not crowd for _, crowd in rows):
            records.append(
                ImageRecord(
                    f'{folder}/{image["file_name"].text()}',
                    xywh_to_xyxy([box for box, _ in rows]),
                    ignored=[crowd for _, crowd in rows],
                    **_size(image),
                )
            )
    return records


def _size(image: Entry) -> dict[str, int]:
    """Width and height; without them they are read from the picture."""
    if not (image['width'] and image['height']):
        return {}
    return {key: image[key].size() for key in ('width', 'height')}
