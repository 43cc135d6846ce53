"""Tracks of videos that were linked before, so that they are not again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from mmdet_ps.utils.files import replacing

from .gallery_index import DAMAGE


class TrackCache:
    """Keeps the track numbers of videos in a file, one entry a video.

    Args:
        path (Path): The file; None keeps nothing.
        say (Callable): Takes a sentence where the file is damaged or cannot
            be written.
    """

    def __init__(
        self, path: Path | None, say: Callable[[str], None] = print
    ) -> None:
        self.path, self._say = path, say
        self._entries: dict[str, tuple[str, np.ndarray]] = {}
        self._is_changed = False
        if path is None or not path.exists():
            return
        try:
            with np.load(path, allow_pickle=False) as data:
                videos = json.loads(str(data['videos']))
                self._entries = {
                    video: (mark, data[str(number)])
                    for number, (video, mark) in enumerate(videos)
                }
        except DAMAGE as error:
            say(f'{path} is made again: {error}')
            self._is_changed = True

    def get(self, video: str, mark: str, count: int) -> np.ndarray | None:
        """The track numbers of a video.

        Args:
            video (str): The file.
            mark (str): Tells what was found in it and how that was linked,
                see :func:`mark_of`.
            count (int): Number of its persons.

        Returns:
            ndarray: (count,) int64; None where they are not known.
        """
        known, numbers = self._entries.get(video, ('', np.zeros(0)))
        if known != mark or numbers.shape != (count,):
            return None
        return numbers

    def put(self, video: str, mark: str, numbers: np.ndarray) -> None:
        """Keep the track numbers (N,) of a video, in place of earlier ones."""
        self._entries[video] = mark, numbers
        self._is_changed = True

    def keep(self, videos: Iterable[str]) -> None:
        """Forget all videos but these."""
        for gone in set(self._entries).difference(videos):
            del self._entries[gone]
            self._is_changed = True

    def save(self) -> None:
        """Write what is new, if that is possible."""
        if self.path is None or not self._is_changed:
            return
        videos = [(video, mark) for video, (mark, _) in self._entries.items()]
        arrays = {
            str(number): numbers
            for number, (_, numbers) in enumerate(self._entries.values())
        }
        try:
            with replacing(self.path) as beside, open(beside, 'wb') as file:
                np.savez_compressed(
                    file, videos=np.array(json.dumps(videos)), **arrays
                )
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
