"""The embeddings of a gallery on disk, one after the other.

They are only ever written behind what is there. How many of them count is
kept by ``gallery_store``, so that what a killed run wrote last is nothing.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from mmdet_ps.utils.errors import UserError

BLOCK = 1 << 16  # rows copied or read at once


class EmbeddingsFile:
    """A file of P embeddings, float32, that can grow.

    Args:
        path (Path): The file.
        width (int): Length of an embedding; 0 until there is one.
        count (int): Number of embeddings.
        checksum (int): CRC-32 of them.
    """

    def __init__(
        self, path: Path, width: int = 0, count: int = 0, checksum: int = 0
    ) -> None:
        self.path, self.width = path, width
        self.count, self.checksum = count, checksum
        self._file: IO[bytes] | None = None  # open from the first append on

    def append(self, embeddings: np.ndarray) -> None:
        """Write (N, D) embeddings behind those that are there.

        Raises:
            UserError: They are of another length.
        """
        if not len(embeddings):
            return
        if self.width not in (0, embeddings.shape[1]):
            raise UserError(
                f'{self.path} holds embeddings of length {self.width}, the '
                f'model gives {embeddings.shape[1]}: name another --index'
            )
        self.width = embeddings.shape[1]
        self._file = self._file or self._open()
        raw = np.ascontiguousarray(embeddings, np.float32).tobytes()
        self._file.write(raw)
        self.checksum = zlib.crc32(raw, self.checksum)
        self.count += len(embeddings)

    def _open(self) -> IO[bytes]:
        if not self.count:  # who reads an earlier gallery keeps its file
            self.path.unlink(missing_ok=True)
        mode = 'r+b' if self.path.exists() else 'w+b'
        file = open(self.path, mode)  # noqa: SIM115
        # A run that was killed may have left more than it committed.
        file.truncate(self.count * self.width * 4)
        file.seek(0, os.SEEK_END)
        return file

    def sync(self) -> None:
        """Have everything on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self) -> np.ndarray:
        """(P, D) float32, mapped into memory and not read as a whole."""
        if not self.count:
            return np.zeros((0, self.width), np.float32)
        if self._file is not None:
            self._file.flush()
        shape = self.count, self.width
        return np.memmap(self.path, np.float32, 'r', shape=shape)

    def state(self) -> dict[str, int]:
        """Size and time of change of the file, by which it is known again."""
        if not self.path.exists():
            return dict(size=0, time=0)
        found = os.stat(self.path)
        return dict(size=found.st_size, time=found.st_mtime_ns)

    def check(self, state: dict[str, int]) -> None:
        """Hold the file against what is known of it.

        Args:
            state (dict): What ``state`` gave when the embeddings were
                counted. Of a file in another state all bytes are read.

        Raises:
            OSError: The file is gone.
            UserError: It is damaged.
        """
        if not self.count:
            return
        if self.width < 1:
            raise UserError('its embeddings have no length')
        if os.stat(self.path).st_size < self.count * self.width * 4:
            raise UserError(f'{self.path} is cut')
        if self.state() == dict(size=state['size'], time=state['time']):
            return
        checksum, embeddings = 0, self.read()
        for start in range(0, self.count, BLOCK):
            block = embeddings[start : start + BLOCK]
            checksum = zlib.crc32(block.tobytes(), checksum)
        if checksum != self.checksum:
            raise UserError(f'{self.path} is damaged')
