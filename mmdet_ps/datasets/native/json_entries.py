"""JSON documents whose every value is checked where it is read.

A document of a stranger may hold anything anywhere. An :class:`Entry` knows
where in which file it stands, so that whatever is not as expected ends in one
line that names it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from mmdet_ps.structures.fields import UNLABELLED

from .errors import REFETCH, NativeDataError
from .files import MAX_COORDINATE, are_pixels, read_text

INT64 = 1 << 63
Rows = TypeVar('Rows')


def read_json(path: str | Path, *keys: str, remedy: str = REFETCH) -> Entry:
    """Read a JSON file.

    Args:
        path (str or Path): The file, in UTF-8 with or without a mark.
        *keys (str): What the outermost object must have.
        remedy (str): What helps where an entry is not as expected.

    Raises:
        NativeDataError: The file is missing, no JSON, or lacks a key.
    """
    entry = parse_json(read_text(path, remedy), path, remedy=remedy)
    held = entry.value if isinstance(entry.value, dict) else {}
    lacking = [key for key in keys if key not in held]
    if lacking:
        raise NativeDataError(path, f'lacks the keys {lacking}', remedy)
    return entry


def parse_json(
    text: str, path: str | Path, where: str = '', remedy: str = REFETCH
) -> Entry:
    """Parse one JSON value out of a file.

    Args:
        text (str): The value.
        path (str or Path): The file, for errors.
        where (str): Its place in the file, for errors; empty for all of it.
        remedy (str): What helps where an entry is not as expected.

    Raises:
        NativeDataError: The text is no JSON.
    """
    try:
        return Entry(json.loads(text), where, path, remedy)
    except json.JSONDecodeError as error:
        place = where or f'line {error.lineno}'
        reason = f'is not valid JSON ({place}, {error.msg})'
    except RecursionError:
        reason = f'is nested too deeply{where and f" ({where})"}'
    except ValueError:  # a number of thousands of digits
        reason = f'holds a number that is too long{where and f" ({where})"}'
    raise NativeDataError(path, reason, remedy)


def by_id(images: Entry) -> dict[int | str, Entry]:
    """The images of a COCO file by the id that annotations name.

    Raises:
        NativeDataError: An image has no id, or that of another one.
    """
    found: dict[int | str, Entry] = {}
    for image in images.items():
        key = image['id'].key()
        if key in found:
            raise NativeDataError(
                image.path, f'{image.where} repeats the id {key}', image.remedy
            )
        found[key] = image
    return found


def belonging(row: Entry, grouped: dict[int | str, Rows]) -> Rows:
    """What is kept for the image of an annotation of a COCO file.

    Args:
        row (Entry): The annotation.
        grouped (dict): Id of an image -> what is kept for it.

    Raises:
        NativeDataError: There is no image of the annotation's ``image_id``.
    """
    key = row['image_id'].key()
    if key not in grouped:
        raise NativeDataError(
            row.path,
            f'{row.where} belongs to no image (image_id {key})',
            row.remedy,
        )
    return grouped[key]


class Entry:
    """A value of a JSON document, and where it stands.

    Args:
        value: The value; None for one that is absent or ``null``.
        where (str): Its place, such as ``annotations[3].bbox``.
        path (str or Path): The file.
        remedy (str): What helps where the value is not as expected.
    """

    __slots__ = ('path', 'remedy', 'value', 'where')

    def __init__(
        self, value: object, where: str, path: str | Path, remedy: str
    ) -> None:
        self.value, self.where = value, where
        self.path, self.remedy = path, remedy

    def error(self, kind: str) -> NativeDataError:
        """The error to raise where the value is not as expected.

        Args:
            kind (str): What the value is instead, such as ``no number``.
        """
        if self.value is None:
            what = f'{self.where or "the document"} is missing'
        else:
            shown = repr(self.value)
            shown = shown if len(shown) <= 60 else f'{shown[:57]}...'
            what = f'{self.where or "the document"} is {kind}: {shown}'
        return NativeDataError(self.path, what, self.remedy)

    def __bool__(self) -> bool:
        """Whether there is a value at all."""
        return self.value is not None

    def __getitem__(self, key: str) -> Entry:
        """The field of an object; one without value where it is absent."""
        if not isinstance(self.value, dict):
            raise self.error('no object')
        where = f'{self.where}.{key}' if self.where else key
        return Entry(self.value.get(key), where, self.path, self.remedy)

    def fields(self) -> list[str]:
        """The names of the fields of an object."""
        if not isinstance(self.value, dict):
            raise self.error('no object')
        return list(self.value)

    def items(self) -> Iterator[Entry]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.error('no list')
        for k, value in enumerate(self.value):
            yield Entry(value, f'{self.where}[{k}]', self.path, self.remedy)

    def text(self) -> str:
        """A text that is not empty and could be the name of a file."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error('no text')
        try:
            os.fsencode(self.value)
        except UnicodeEncodeError:  # half a character
            raise self.error('no text') from None
        return self.value

    def key(self) -> int | str:
        """What images and annotations are joined by."""
        if isinstance(self.value, bool) or not isinstance(
            self.value, (int, str)
        ):
            raise self.error('no key')
        return self.value

    def number(self) -> float:
        """A finite number."""
        try:
            if isinstance(self.value, bool):
                raise TypeError
            value = float(self.value + 0)  # texts are no numbers
        except (TypeError, OverflowError):
            raise self.error('no number') from None
        if not math.isfinite(value):
            raise self.error('no finite number')
        return value

    def integer(self) -> int:
        """A whole number of at most 64 bits; 3.0 is one, too."""
        value = self.number()
        exact = self.value if isinstance(self.value, int) else value
        if exact != int(exact) or not -INT64 <= exact < INT64:
            raise self.error('no whole number of 64 bits')
        return int(exact)

    def size(self) -> int:
        """A number of pixels: a whole number from 1."""
        value = self.integer()
        if not 0 < value < MAX_COORDINATE:
            raise self.error('no number of pixels')
        return value

    def person_id(self) -> int:
        """An identity; -1 where it is absent or negative: unlabelled."""
        return max(self.integer(), UNLABELLED) if self else UNLABELLED

    def flag(self) -> bool:
        """Yes or no; absent is no."""
        if self.value not in (None, False, True):  # 0 and 1 equal these
            raise self.error('neither 0 nor 1')
        return bool(self.value)

    def box(self) -> np.ndarray:
        """Four numbers in pixels, as (4,) float64."""
        try:
            box = np.array(self.value, np.float64)
        except (TypeError, ValueError, OverflowError):
            box = np.zeros(0)
        plain = isinstance(self.value, (list, tuple)) and not any(
            isinstance(number, (str, bool)) for number in self.value
        )
        if not plain or box.shape != (4,) or not are_pixels(box):
            raise self.error('no box of 4 numbers')
        return box
