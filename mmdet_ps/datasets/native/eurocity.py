"""EuroCity Persons, day and night: pedestrians; other persons are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, read_json
from .records import ImageRecord, NativeSet, Note, Split, person_facts

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
    """Training and validation frames, those of the day first."""
    notes: list[Note] = []
    splits = []
    for name, source in (('train', 'train'), ('test', 'val')):
        labels = [
            path
            for time in TIMES
            for path in sorted(
                (root.path / time / 'labels' / source).rglob('*.json')
            )
        ]
        if not labels:
            raise root.missing('labels', f'day/labels/{source}/<city>/*.json')
        records = root.map(
            partial(read_frame, root=root.path),
            labels,
            f'EuroCity {source} labels',
        )
        splits.append(Split(name, records))
    return NativeSet(splits, person_facts(splits, notes), notes, clip=True)


def read_frame(path: Path, root: Path) -> ImageRecord:
    """One label file and the image it belongs to."""
    frame = read_json(path, 'imagewidth', 'imageheight', 'children')
    boxes, ignored = [], []
    for child in _children(frame['children'], path):
        identity = child.get('identity', '')
        if identity != PEDESTRIAN and identity not in OTHER_PERSONS:
            continue
        try:
            box = [float(child[key]) for key in ('x0', 'y0', 'x1', 'y1')]
        except (KeyError, TypeError, ValueError):
            raise NativeDataError(
                path, f'a {identity} lacks x0, y0, x1 or y1', REFETCH
            ) from None
        if box[2] <= box[0] or box[3] <= box[1]:
            continue
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
        width=int(frame['imagewidth']),
        height=int(frame['imageheight']),
    )


def _children(children: list, path: Path) -> Iterator[dict]:
    """Every object; a rider's vehicle lies nested in the rider."""
    for child in children:
        if not isinstance(child, dict):
            raise NativeDataError(path, 'a child is no object', REFETCH)
        yield child
        yield from _children(child.get('children') or [], path)


def _is_unreal(child: dict) -> bool:
    return any(tag.startswith(NOT_REAL) for tag in child.get('tags') or [])
