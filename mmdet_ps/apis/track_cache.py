"""Tracks of videos that were linked before, so that they are not again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmdet_ps.utils.files import replacing

from .gallery_index import DAMAGE


class TrackCache:
    """Keeps the track numbers of videos in a file.

    Args:
        path (Path): The file; None keeps nothing.
        say (Callable): Takes a sentence where the file is damaged or cannot
            be written.
    """

    def __init__(
        self, path: Path | None, say: Callable[[str], None] = print
    ) -> None:
        self.path, self._say = path, say
        self._numbers: dict[str, np.ndarray] = {}
        self._is_changed = False
        if path is None or not path.exists():
            return
        try:
            with np.load(path, allow_pickle=False) as data:
                self._numbers = {mark: data[mark] for mark in data.files}
        except DAMAGE as error:
            say(f'{path} is made again: {error}')
            self._is_changed = True

    def get(self, mark: str, count: int) -> np.ndarray | None:
        """The track numbers of a video.

        Args:
            mark (str): Tells the video and how it was linked, see
                :func:`mark_of`.
            count (int): Number of its persons.

        Returns:
            ndarray: (count,) int64; None where they are not known.
        """
        numbers = self._numbers.get(mark)
        if numbers is None or numbers.shape != (count,):
            return None
        return numbers

    def put(self, mark: str, numbers: np.ndarray) -> None:
        """Keep the track numbers (N,) of a video."""
        self._numbers[mark] = numbers
        self._is_changed = True

    def save(self) -> None:
        """Write what is new, if that is possible."""
        if self.path is None or not self._is_changed:
            return
        try:
            with replacing(self.path) as beside, open(beside, 'wb') as file:
                np.savez_compressed(file, **self._numbers)
        except OSError as error:  # the folder may be there to read alone
            self._say(f'tracks are not kept, {self.path}: {error.strerror}')
        self._is_changed = False


def mark_of(settings: object, *arrays: np.ndarray) -> str:
    """A digest of what tracks depend on.

    Args:
        settings (object): Settings of the linker; told apart by their
            ``repr``.
        *arrays (ndarray): What is linked.
    """
    digest = hashlib.sha1(repr(settings).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
