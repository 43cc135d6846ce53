"""WiderPerson: a text file per image, boxes as corners.

The dataset is that of Zhang et al., "WiderPerson: A Diverse Dataset for Dense
Pedestrian Detection in the Wild" (TMM 2020).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, are_pixels, read_lines
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    drop_flat,
    person_facts,
)

PERSONS = (1, 2, 3)  # pedestrian, rider, partially visible
IGNORED = (4, 5)  # ignore region, crowd


def read_widerperson(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one the validation set.

    The test images have no published labels.
    """
    notes: list[Note] = []
    splits = []
    root.folder('Annotations')
    for name, source in (('train', 'train'), ('test', 'val')):
        stems = [line for _, line in read_lines(root.file(f'{source}.txt'))]
        records = root.map(
            partial(read_image, root=root.path),
            stems,
            f'WiderPerson {source} annotations',
        )
        drop_flat(records, notes)
        splits.append(Split(name, records))
    return NativeSet(splits, person_facts(splits, notes), notes, clip=True)


def read_image(stem: str, root: Path) -> ImageRecord:
    """Read one annotation file: the number of boxes, then a line for each.

    Args:
        stem (str): The image, without suffix.
        root (Path): Folder of the dataset.

    Returns:
        ImageRecord: The persons, and regions to ignore.

    Raises:
        NativeDataError: The file is missing, or a line has another form.
    """
    path = root / 'Annotations' / f'{stem}.jpg.txt'
    lines = read_lines(path)
    try:
        count = int(lines[0][1])
    except (IndexError, ValueError):
        raise NativeDataError(
            path, 'does not begin with the number of boxes', REFETCH
        ) from None
    if len(lines) - 1 != count:
        raise NativeDataError(
            path, f'announces {count} boxes and has {len(lines) - 1}', REFETCH
        )
    rows = np.array([_row(line, number, path) for number, line in lines[1:]])
    rows = rows.reshape(-1, 5)
    return ImageRecord(
        f'Images/{stem}.jpg', rows[:, 1:], ignored=np.isin(rows[:, 0], IGNORED)
    )


def _row(line: str, number: int, path: Path) -> list[float]:
    try:
        row = [float(word) for word in line.split()]
        if (
            len(row) != 5
            or not are_pixels(row)
            or row[0] not in (*PERSONS, *IGNORED)
        ):
            raise ValueError
    except ValueError:
        raise NativeDataError(
            path,
            f'line {number} is not "class x1 y1 x2 y2" with a class '
            f'from 1 to 5: {line!r}',
            REFETCH,
        ) from None
    return row
