"""The rows of a MOTChallenge ``gt.txt``, whichever year's columns it has.

| columns | of | meaning behind frame, id, left, top, width, height |
|---|---|---|
| 7 | own labels | flag |
| 9 | MOT16, MOT17, MOT20, CVAT | flag, class, visibility |
| 10 | MOT15 | flag, and the place in the world, which is not read |

Classes are numbered as in MOT16 (Milan et al., "MOT16: A Benchmark for
Multi-Object Tracking", 2016, table 4) and MOT20 (13), or name the lines of
a ``labels.txt`` beside the file, as CVAT writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import NativeDataError
from .files import read_lines
from .records import xywh_to_xyxy

CLASSES = {
    1: 'pedestrian',
    2: 'person-on-vehicle',
    3: 'car',
    4: 'bicycle',
    5: 'motorbike',
    6: 'non-motorized-vehicle',
    7: 'static-person',
    8: 'distractor',
    9: 'occluder',
    10: 'occluder-on-the-ground',
    11: 'occluder-full',
    12: 'reflection',
    13: 'crowd',
}
NO_CLASS = 'person'  # of a file without classes, and of class -1
NUM_COLUMNS = (7, 8, 9, 10)
MOT15_COLUMNS = 10
REMEDY = (
    'rows are frame,id,left,top,width,height,flag with class and visibility '
    'behind them where they are known'
)


@dataclass
class MotRows:
    """R rows of one sequence.

    Args:
        frames (ndarray): (R,) int64, counted from 1.
        tracks (ndarray): (R,) int64, negative where the person is unknown.
        boxes (ndarray): (R, 4) float64, xyxy, pixels.
        flagged (ndarray): (R,) bool, False where the row is not to be
            counted.
        classes (ndarray): (R,) of str, names of the classes as
            :func:`plain_name` writes them.
        visibility (ndarray): (R,) float64, share of the person that can be
            seen, 1 where unknown.
        named (bool): Whether the classes come from a ``labels.txt``.
    """

    frames: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    flagged: np.ndarray
    classes: np.ndarray
    visibility: np.ndarray
    named: bool = False

    def counted(self, persons: tuple[str, ...]) -> np.ndarray:
        """Which rows show a person to find.

        MOT16 gives every class but pedestrians the flag 0. So the flag is
        not looked at for static persons and persons on vehicles that
        ``persons`` names.

        Args:
            persons (tuple[str, ...]): Names of the classes to find.

        Returns:
            ndarray: (R,) bool.
        """
        if self.named:
            return np.isin(self.classes, persons) & self.flagged
        usual = np.isin(self.classes, (NO_CLASS, CLASSES[1]))
        asked = np.isin(self.classes, (NO_CLASS, *persons))
        return asked & (self.flagged | ~usual)


def read_rows(path: Path) -> MotRows:
    """Read a ``gt.txt``, and ``labels.txt`` where it lies beside it.

    Raises:
        NativeDataError: A line has another form, or a class has no name; the
            line is named.
    """
    table = _table(path)
    labels = read_labels(path.with_name('labels.txt'))
    count = len(table)
    flagged, visibility = table[:, 6] != 0, np.ones(count)
    classes = np.full(count, NO_CLASS, object)
    if table.shape[1] != MOT15_COLUMNS or labels:
        if table.shape[1] > 7:
            classes = _class_names(table[:, 7], labels or CLASSES, path)
        if table.shape[1] > 8:
            visibility = np.where(table[:, 8] < 0, 1, table[:, 8])
    return MotRows(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        xywh_to_xyxy(table[:, 2:6]),
        flagged,
        classes,
        visibility,
        named=bool(labels),
    )


def read_labels(path: Path) -> dict[int, str]:
    """Read the names of classes, one a line.

    Returns:
        dict[int, str]: Number of a class, from 1 -> its name as
        :func:`plain_name` writes it; empty where there is no such file.
    """
    if not path.is_file():
        return {}
    names = [line for _, line in read_lines(path)]
    return {k: plain_name(name) for k, name in enumerate(names, 1)}


def plain_name(name: str) -> str:
    """Write the name of a class in lower case with dashes between words."""
    return re.sub(r'[\W_]+', '-', name.lower()).strip('-')


def _table(path: Path) -> np.ndarray:
    """The file as (R, C) float64, every number checked."""
    lines = read_lines(path)
    width = len(lines[0][1].split(',')) if lines else 0
    if lines and width not in NUM_COLUMNS:
        raise NativeDataError(
            path, f'line {lines[0][0]} has {width} columns', REMEDY
        )
    rows = []
    for number, line in lines:
        try:
            values = [float(value) for value in line.split(',')]
        except ValueError:
            values = []
        if len(values) != width or not np.isfinite(values).all():
            raise NativeDataError(
                path,
                f'line {number} is not {width} numbers: {line[:60]}',
                REMEDY,
            )
        if values[0] < 1 or values[0] != int(values[0]):
            raise NativeDataError(
                path,
                f'line {number}: frame {values[0]:g}',
                'frames are counted 1, 2, 3, ...: raise all of them if the '
                'file counts from 0',
            )
        rows.append(values)
    return np.array(rows, np.float64).reshape(-1, width or 7)


def _class_names(
    numbers: np.ndarray, names: dict[int, str], path: Path
) -> np.ndarray:
    found = np.full(len(numbers), NO_CLASS, object)
    for number in np.unique(numbers):
        if number < 0:
            continue
        if number not in names:
            first = int(np.flatnonzero(numbers == number)[0])
            line = [line for line, _ in read_lines(path)][first]
            raise NativeDataError(
                path,
                f'line {line} is of class {number:g}',
                f'classes are 1 to {len(names)}; name your own in a '
                'labels.txt beside the file, one a line',
            )
        found[numbers == number] = names[int(number)]
    return found
