"""PoseTrack21 person search: three COCO-like files.

Images and annotations are joined by ``id`` inside one file and by
``file_name`` across files, since video numbers repeat.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, json_box, read_json
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    box_iou,
    contiguous_ids,
    person_facts,
    xywh_to_xyxy,
)

FOLDER = 'posetrack_person_search'


def read_posetrack21(root: NativeRoot) -> NativeSet:
    """Both splits; test records in the order of val.json."""
    notes: list[Note] = []
    train = read_scenes(root.file(f'{FOLDER}/train.json'), notes)
    test = read_scenes(root.file(f'{FOLDER}/val.json'), notes)
    query_file = root.file(f'{FOLDER}/query.json')
    queries = read_scenes(query_file, notes)
    train_ids, test_ids = _identities(train), _identities(test)
    for shared in sorted(train_ids & test_ids):
        notes.append(
            Note(
                'identity in train.json and val.json',
                f'person_id {shared}',
                'two persons: ids are numbered per file',
            )
        )
    labels = contiguous_ids(train_ids)
    for record in train:
        record.person_ids = np.array(
            [labels.get(int(i), UNLABELLED) for i in record.person_ids],
            np.int64,
        )
    rows = add_missing_queries(test, queries, notes)
    splits = [
        Split('train', train, len(labels)),
        Split('test', test, len(test_ids)),
    ]
    facts = person_facts(splits, notes)
    facts['query rows'] = rows
    facts['query ids'] = len(_identities(queries))
    return NativeSet(splits, facts, notes)


def _identities(records: list[ImageRecord]) -> set[int]:
    return {int(i) for r in records for i in r.person_ids if i >= 0}


def read_scenes(path: Path, notes: list[Note]) -> list[ImageRecord]:
    """The images of one file in its order, with raw person ids."""
    document = read_json(path, 'images', 'annotations')
    grouped: dict = {}
    images: dict = {}
    for k, image in enumerate(document['images']):
        if 'id' not in image or 'file_name' not in image:
            raise NativeDataError(
                path, f'images[{k}] lacks id or file_name', REFETCH
            )
        if image['id'] in images:
            raise NativeDataError(
                path, f'images[{k}] repeats the id {image["id"]}', REFETCH
            )
        images[image['id']] = image
    for k, row in enumerate(document['annotations']):
        if row.get('image_id') not in images:
            raise NativeDataError(
                path,
                f'annotations[{k}] belongs to no image (image_id '
                f'{row.get("image_id")})',
                REFETCH,
            )
        grouped.setdefault(row['image_id'], []).append((k, row))
    return [
        _record(image, grouped.get(key, []), path, notes)
        for key, image in images.items()
    ]


def _record(
    image: dict, rows: list, path: Path, notes: list[Note]
) -> ImageRecord:
    boxes, ids = [], []
    for k, row in rows:
        box = json_box(row.get('bbox'), f'annotations[{k}].bbox', path)
        if min(box[2:]) <= 0:
            notes.append(
                Note(
                    'box without area',
                    f'{path.name} annotations[{k}]',
                    'dropped',
                )
            )
            continue
        person_id = row.get('person_id')
        known = isinstance(person_id, int) and person_id >= 0
        boxes.append(box)
        ids.append(person_id if known else UNLABELLED)
    ignored = ignore_boxes(image)
    boxes = xywh_to_xyxy(np.array(boxes))
    return ImageRecord(
        image['file_name'],
        np.vstack([boxes, ignored]),
        np.array(ids + [UNLABELLED] * len(ignored)),
        np.arange(len(boxes) + len(ignored)) >= len(boxes),
    )


def ignore_boxes(image: dict) -> np.ndarray:
    """(N, 4) xyxy rectangles around the ignore regions of an image.

    A region is a polygon; the lists hold one list per polygon, or are flat
    and then hold one polygon.
    """
    xs = image.get('ignore_regions_x') or []
    ys = image.get('ignore_regions_y') or []
    if xs and not isinstance(xs[0], (list, tuple)):
        xs, ys = [xs], [ys]
    boxes = [
        [min(x), min(y), max(x), max(y)]
        for x, y in zip(xs, ys)
        if len(x) and len(y)
    ]
    return np.array(boxes, np.float64).reshape(-1, 4)


def add_missing_queries(
    test: list[ImageRecord], queries: list[ImageRecord], notes: list[Note]
) -> int:
    """Every query box must be a ground truth; returns the query rows."""
    by_name = {record.img_path: record for record in test}
    count = 0
    for query in queries:
        record = by_name.get(query.img_path)
        if record is None:
            record = ImageRecord(query.img_path, np.zeros((0, 4)))
            test.append(record)
            by_name[query.img_path] = record
            notes.append(
                Note(
                    'query frame not in val.json',
                    query.img_path,
                    'added behind the gallery',
                )
            )
        persons = ~query.ignored
        for box, person_id in zip(
            query.boxes[persons], query.person_ids[persons]
        ):
            count += 1
            same = record.boxes[record.person_ids == person_id]
            if not len(same) or box_iou(box, same).max() < 0.5:
                record.add(box, int(person_id))
                notes.append(
                    Note(
                        'query without box in val.json',
                        f'{query.img_path} id {person_id}',
                        'box added',
                    )
                )
    return count
