"""PoseTrack21 person search: three COCO-like files.

The dataset is that of Doering et al., "PoseTrack21: A Dataset for Person
Search, Multi-Object Tracking and Multi-Person Pose Tracking" (CVPR 2022).

Images and annotations are joined by ``id`` inside one file and by
``file_name`` across files, since video numbers repeat.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmdet_ps.structures.boxes import iou_matrix
from mmdet_ps.structures.fields import UNLABELLED

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, are_pixels
from .json_entries import Entry, belonging, by_id, read_json
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    contiguous_ids,
    person_facts,
    xywh_to_xyxy,
)

FOLDER = 'posetrack_person_search'


def read_posetrack21(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one as val.json orders it.

    Identities of the training split are numbered from 0 without gaps; those
    of the test split keep the numbers of the file.
    """
    notes: list[Note] = []
    train = read_scenes(root.file(f'{FOLDER}/train.json'), notes)
    test = read_scenes(root.file(f'{FOLDER}/val.json'), notes)
    queries = read_queries(root.file(f'{FOLDER}/query.json'), notes)
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
    """Read the images of train.json, val.json or query.json.

    Args:
        path (Path): The file.
        notes (list[Note]): Takes a note for every box without area, which is
            dropped.

    Returns:
        list[ImageRecord]: In the order of the file, with the identities that
        it gives; ignore regions come behind the persons of their image.

    Raises:
        NativeDataError: The file is missing or damaged; the entry is named.
    """
    document = read_json(path, 'images', 'annotations')
    images = by_id(document['images'])
    grouped: dict[int | str, list[Entry]] = {key: [] for key in images}
    for row in document['annotations'].items():
        belonging(row, grouped).append(row)
    return [
        _record(image, grouped[key], path, notes)
        for key, image in images.items()
    ]


def read_queries(path: Path, notes: list[Note]) -> list[ImageRecord]:
    """Read the images of query.json, see :func:`read_scenes`.

    Raises:
        NativeDataError: The file is damaged, or no person in it has an
            identity.
    """
    queries = read_scenes(path, notes)
    if not _identities(queries):
        raise NativeDataError(path, 'names no query', REFETCH)
    return queries


def _record(
    image: Entry, rows: list[Entry], path: Path, notes: list[Note]
) -> ImageRecord:
    boxes, ids = [], []
    for row in rows:
        box = row['bbox'].box()
        if min(box[2:]) <= 0:
            where = f'{path.name} {row.where}'
            notes.append(Note('box without area', where, 'dropped'))
            continue
        boxes.append(box)
        ids.append(row['person_id'].person_id())
    ignored = ignore_boxes(image)
    boxes = xywh_to_xyxy(np.array(boxes))
    return ImageRecord(
        image['file_name'].text(),
        np.vstack([boxes, ignored]),
        np.array(ids + [UNLABELLED] * len(ignored)),
        np.arange(len(boxes) + len(ignored)) >= len(boxes),
    )


def ignore_boxes(image: Entry) -> np.ndarray:
    """Rectangles around the ignore regions of an image.

    A region is a polygon, whose corners stand in ``ignore_regions_x`` and
    ``ignore_regions_y``. These hold one list per polygon, or are flat and
    then hold one polygon.

    Args:
        image (Entry): The entry of the image.

    Returns:
        np.ndarray: (N, 4) float64 xyxy, pixels.

    Raises:
        NativeDataError: A corner is no number, or lies far outside of any
            image.
    """
    xs, ys = (_polygons(image[f'ignore_regions_{axis}']) for axis in 'xy')
    boxes = [
        [min(x), min(y), max(x), max(y)]
        for x, y in zip(xs, ys)
        if len(x) and len(y)
    ]
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    if not are_pixels(boxes):
        raise image.error('an image with an ignore region far outside')
    return boxes


def _polygons(coordinates: Entry) -> list[list[float]]:
    """One axis of the corners of every polygon."""
    entries = list(coordinates.items()) if coordinates else []
    if entries and not isinstance(entries[0].value, list):
        entries = [coordinates]
    return [
        [corner.number() for corner in polygon.items()] for polygon in entries
    ]


def add_missing_queries(
    test: list[ImageRecord], queries: list[ImageRecord], notes: list[Note]
) -> int:
    """Add the queries that have no box in the test set, in place.

    A query has a box where one of the same identity overlaps it by an IoU of
    at least 0.5. A frame that val.json lacks is added behind the gallery.

    Args:
        test (list[ImageRecord]): The test set; changed.
        queries (list[ImageRecord]): What :func:`read_queries` reads.
        notes (list[Note]): Takes a note for everything that is added.

    Returns:
        int: Number of query boxes.
    """
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
            if not len(same) or iou_matrix(box, same).max() < 0.5:
                record.add(box, int(person_id))
                notes.append(
                    Note(
                        'query without box in val.json',
                        f'{query.img_path} id {person_id}',
                        'box added',
                    )
                )
    return count
