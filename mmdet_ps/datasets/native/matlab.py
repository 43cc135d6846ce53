"""MATLAB files read without the traps of their in-memory form.

``scipy.io.loadmat`` gives nested object arrays whose shapes depend on how
many entries there are and whose numbers have the smallest type that fits.
Nothing here is squeezed, so one entry stays a list of one, and every number
is widened before anyone can do arithmetic with it (in uint8, 40 * 100 is
160).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat

from .apart import mark_reading
from .errors import REFETCH, NativeDataError
from .files import are_pixels

# Beyond it float64 does not hold every whole number.
MAX_EXACT = 1 << 53


def load_variable(path: str | Path, *names: str) -> np.ndarray:
    """Read the first of the named variables that the file holds, as stored.

    Raises:
        NativeDataError: The file is missing or damaged, or holds none of
            them.
    """
    contents = _load(path)
    for name in names:
        if name in contents:
            return contents[name]
    held = [key for key in contents if not key.startswith('__')]
    raise NativeDataError(
        path,
        f'holds no variable {" or ".join(names)}, only {held}',
        'check that this is the file its name says',
    )


def variable_names(path: str | Path) -> list[str]:
    """Names of all variables in the file.

    Raises:
        NativeDataError: The file is damaged.
    """
    mark_reading(path)
    try:
        return [name for name, _, _ in whosmat(str(path))]
    except Exception as error:
        raise _unreadable(path, error) from error


def _load(path: str | Path) -> dict:
    if not os.path.isfile(path):
        raise NativeDataError(path, 'missing', 'put the file in its place')
    mark_reading(path)
    try:
        return loadmat(str(path), appendmat=False)
    except Exception as error:  # scipy raises some eight types here
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> NativeDataError:
    if _is_version_73(path):
        name = os.path.basename(path)
        return NativeDataError(
            path,
            'was saved by MATLAB as version 7.3, which is not read',
            f"save it as version 7, in MATLAB: x = load('{name}'); "
            f"save('{name}', '-struct', 'x', '-v7')",
        )
    first_line = (str(error).splitlines() or [''])[0][:80]
    reason = f'{type(error).__name__}: {first_line}'
    return NativeDataError(
        path, f'not readable as MATLAB file ({reason})', REFETCH
    )


def _is_version_73(path: str | Path) -> bool:
    """Whether a file is an HDF5 file of MATLAB's, by its header."""
    try:
        with open(path, 'rb') as file:
            return file.read(10) == b'MATLAB 7.3'
    except OSError:
        return False


def cells(array: np.ndarray) -> list:
    """The entries of a cell array of any shape, (N, 1), (1, N) or (0, 0)."""
    return list(np.asarray(array, dtype=object).ravel())


def structs(
    array: np.ndarray, where: str, path: str | Path
) -> Iterator[np.void]:
    """The entries of a struct array, or of a cell array of 1x1 structs.

    Here and in the functions below, ``where`` is the place of the value in
    the file (such as ``Img[3].box``) and ``path`` the file; errors name both.

    Raises:
        NativeDataError: An entry is no struct.
    """
    for k, entry in enumerate(np.asarray(array).ravel()):
        while isinstance(entry, np.ndarray) and entry.size == 1:
            entry = entry.ravel()[0]
        if not isinstance(entry, np.void) or entry.dtype.names is None:
            raise NativeDataError(
                path, f'{where}[{k}] is no struct but {_kind(entry)}', REFETCH
            )
        yield entry


def field(record: np.void, name: str, where: str, path: str | Path) -> object:
    """The field ``name`` of a struct.

    Raises:
        NativeDataError: The struct has no such field.
    """
    if name not in record.dtype.names:
        raise NativeDataError(
            path,
            f'{where} has no field {name}, only {list(record.dtype.names)}',
            REFETCH,
        )
    return record[name]


def text(value, where: str, path: str | Path) -> str:
    """A string, out of any cell arrays of one entry around it.

    Raises:
        NativeDataError: The value is no string.
    """
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if not isinstance(value, str):
        raise NativeDataError(
            path, f'{where} is no text but {_kind(value)}', REFETCH
        )
    return str(value).strip()


def numbers(value, where: str, path: str | Path) -> np.ndarray:
    """The numbers of an array as float64, in its shape.

    Raises:
        NativeDataError: The value holds other things than real numbers.
    """
    array = np.asarray(value)
    try:
        if array.dtype.kind == 'c':
            raise TypeError
        widened = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise NativeDataError(
            path, f'{where} holds no numbers but {_kind(value)}', REFETCH
        ) from None
    return widened


def integers(value, where: str, path: str | Path) -> np.ndarray:
    """The whole numbers of an array as int64, in its shape.

    Raises:
        NativeDataError: The value holds anything else, or a number from 2^53,
            beyond which float64 is not exact.
    """
    plain = numbers(value, where, path)
    exact = np.isfinite(plain) & (np.abs(plain) < MAX_EXACT)
    if not (exact & (plain == np.trunc(plain))).all():
        raise NativeDataError(
            path, f'{where} holds other than whole numbers', REFETCH
        )
    return plain.astype(np.int64)


def xywh_box(value, where: str, path: str | Path) -> np.ndarray | None:
    """A box as (4,) float64 [x, y, w, h] in pixels; None where it is absent.

    "Absent" is a float array of shape (1, 0) in CUHK-SYSU; (0, 0) and other
    empty shapes, which copies of such files have, mean the same.

    Raises:
        NativeDataError: The value is neither absent nor four such numbers.
    """
    box = numbers(value, where, path).ravel()
    if box.size == 0:
        return None
    if box.size != 4 or not are_pixels(box):
        raise NativeDataError(
            path, f'{where} is no box of 4 numbers but {box.tolist()}', REFETCH
        )
    return box


def _kind(value) -> str:
    if isinstance(value, np.ndarray):
        return f'an array of shape {value.shape} and type {value.dtype}'
    return type(value).__name__
