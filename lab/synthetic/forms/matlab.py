"""MATLAB values as scipy writes them: struct arrays, cells, leaves."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from scipy.io import savemat

HEADER = b'MATLAB 5.0 MAT-file, synthetic data'
HEADER_LENGTH = 116  # of the text field; scipy would put a date there
ABSENT = np.zeros((1, 0))  # what `[]` of a person who is not there becomes


def struct(rows: Sequence[dict]) -> np.ndarray:
    """A (1, n) struct array with the fields of the first row."""
    names = list(rows[0])
    array = np.empty((1, len(rows)), [(name, object) for name in names])
    for index, row in enumerate(rows):
        array[0, index] = tuple(row[name] for name in names)
    return array


def cell(values: Sequence[object]) -> np.ndarray:
    """An (n, 1) cell array."""
    array = np.empty((len(values), 1), object)
    for index, value in enumerate(values):
        array[index, 0] = value
    return array


def smallest_unsigned(values: Sequence[int]) -> np.ndarray:
    """(1, n) in the smallest unsigned type that holds every value."""
    row = np.array([values], np.int64)
    if row.size and row.min() < 0:
        raise ValueError(f'{values}: an unsigned row holds no negatives')
    return row.astype(np.min_scalar_type(int(row.max(initial=0))))


def save(path: Path, **variables: object) -> None:
    """Write a MATLAB 5 file whose header holds no date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    savemat(content, variables, do_compression=True, oned_as='row')
    path.write_bytes(
        HEADER.ljust(HEADER_LENGTH) + content.getvalue()[HEADER_LENGTH:]
    )
