"""EuroCity Persons, day and night: pedestrians; other persons are ignored.

The dataset is that of Braun et al., "EuroCity Persons: A Novel Benchmark for
Person Detection in Traffic Scenes" (TPAMI 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from .files import NativeRoot, are_pixels, walk_files
from .json_entries import Entry, read_json
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    drop_flat,
    person_facts,
)

TIMES = ('day', 'night')
PEDESTRIAN = 'pedestrian'
# Persons, but not ones to learn boxes from.
OTHER_PERSONS = (
    'rider',
    'co-rider',
    'person-group-far-away',
    'rider+vehicle-group-far-away',
)
NOT_REAL = ('depiction', 'reflection', 'behind-glass')
MIN_HEIGHT = 20  # pixels: the official limit of "all"


def read_eurocity(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one the validation set.

    Frames of the day come before those of the night.
    """
    notes: list[Note] = []
    splits = []
    for name, source in (('train', 'train'), ('test', 'val')):
        labels = [
            root.path / time / 'labels' / source / name
            for time in TIMES
            for name in _labels(root, f'{time}/labels/{source}', notes)
        ]
        if not labels:
            raise root.missing('labels', f'day/labels/{source}/<city>/*.json')
        records = root.map(
            partial(read_frame, root=root.path),
            labels,
            f'EuroCity {source} labels',
        )
        drop_flat(records, notes)
        splits.append(Split(name, records))
    return NativeSet(splits, person_facts(splits, notes), notes, clip=True)


def _labels(root: NativeRoot, folder: str, notes: list[Note]) -> list[str]:
    """Files of a folder of cities, by city and name."""
    if not root.has(folder):
        return []
    found = walk_files(root.path / folder, ('.json',), notes)
    return sorted(found, key=lambda name: Path(name).parts)


def read_frame(path: Path, root: Path) -> ImageRecord:
    """Read one label file.

    Args:
        path (Path): The file.
        root (Path): Folder of the dataset, to which the name of the image is
            relative.

    Returns:
        ImageRecord: Pedestrians, and other persons as regions to ignore.

    Raises:
        NativeDataError: The file is damaged; the entry is named.
    """
    frame = read_json(path, 'imagewidth', 'imageheight', 'children')
    boxes, ignored = [], []
    for child in _children(frame):
        identity = child['identity'].value
        if identity != PEDESTRIAN and identity not in OTHER_PERSONS:
            continue
        box = np.array(
            [child[key].number() for key in ('x0', 'y0', 'x1', 'y1')]
        )
        if not are_pixels(box):
            raise child.error('not in the image')
        boxes.append(box)
        ignored.append(
            identity != PEDESTRIAN
            or _is_unreal(child)
            or box[3] - box[1] < MIN_HEIGHT
        )
    relative = path.relative_to(root)
    image = Path(relative.parts[0], 'img', *relative.parts[2:])
    return ImageRecord(
        image.with_suffix('.png').as_posix(),
        np.array(boxes),
        ignored=np.array(ignored, bool),
        width=frame['imagewidth'].size(),
        height=frame['imageheight'].size(),
    )


def _children(frame: Entry) -> Iterator[Entry]:
    """Every object; a rider's vehicle lies nested in the rider."""
    waiting = list(frame['children'].items())[::-1]
    while waiting:
        child = waiting.pop()
        yield child
        if child['children']:
            waiting += list(child['children'].items())[::-1]


def _is_unreal(child: Entry) -> bool:
    tags = child['tags'].items() if child['tags'] else ()
    return any(tag.text().startswith(NOT_REAL) for tag in tags)
