"""A gallery on disk that grows with the footage.

Two files: ``index.npz`` says what is in the gallery, ``index.npz.vectors``
holds the embeddings, one after the other. Embeddings are only ever written
behind what is there, and count once ``index.npz`` has been replaced by one
that says so. Whatever moment a run is killed at, the gallery is the one of
the last commit.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from .detections import Detections
from .footage import Skipped
from .frames import Frame
from .gallery_index import DAMAGE, GalleryIndex, is_unreadable

FORMAT_VERSION = 2
BLOCK = 1 << 16  # rows copied or read at once


@dataclass
class Source:
    """A picture or video of the gallery.

    Args:
        path (str): The file.
        stamp (str): Tells its state when it was searched from any other, see
            ``gallery_index.stamp``.
        done (str): ``Sampling.mark`` of the sampling that has read it to its
            end; empty before that.
        skipped (list[Skipped]): What of it could not be read.
    """

    path: str
    stamp: str
    done: str = ''
    skipped: list[Skipped] = field(default_factory=list)


class GalleryStore:
    """The persons of footage, appended frame by frame; see the module.

    A gallery that is damaged, or was made with another model, is begun anew.

    Args:
        path (str | Path): The file ``index.npz``; the other lies beside it.
        model_mark (str): Tells which model the embeddings are of, see
            ``gallery_index.model_mark``; None takes that of the file, to
            read it, and writes nothing.
        say (Callable): Takes a sentence where a gallery is begun anew.

    Raises:
        OSError: The gallery is there but cannot be read; it stays as it is.
        UserError: If another run is writing the same gallery, or one that is
            to be read is damaged.
    """

    def __init__(
        self,
        path: str | Path,
        model_mark: str | None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.path, self.model_mark = Path(path), model_mark
        is_read_only = model_mark is None
        if not is_read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] | None = None
        self._lock = _lock(self.path, is_read_only)
        self._clear()
        try:
            self._open(say, is_read_only)
        except BaseException:
            self.close()
            raise

    def _open(self, say: Callable[[str], None], is_read_only: bool) -> None:
        if self.path.exists():
            try:
                self._read()
            except DAMAGE as error:
                if is_unreadable(error):
                    raise
                if is_read_only:
                    raise UserError(
                        f'{self.path} is damaged: {error}; delete it and '
                        'index the footage again'
                    ) from None
                say(f'{self.path} is built again: {error}')
                self._clear()
        if not is_read_only:
            self._drop_strangers()

    def _clear(self) -> None:
        """An empty gallery, in memory."""
        self.sources: dict[str, Source] = {}
        self.rows = _Rows()
        self.width = self.count = self.checksum = self.generation = 0

    def __len__(self) -> int:
        return self.count

    def __enter__(self) -> GalleryStore:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; what was not committed is lost."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.close()

    @property
    def vectors_path(self) -> Path:
        """The file of embeddings."""
        number = f'-{self.generation}' if self.generation else ''
        return self.path.with_name(f'{self.path.name}.vectors{number}')

    def known(self, path: str) -> set[int]:
        """Numbers of the frames of a file that are in the gallery; -1 stands
        for a picture."""
        return self.rows.indices.get(path, set())

    def source(self, path: str, stamp: str) -> Source:
        """The entry of a file; one is made where there is none."""
        return self.sources.setdefault(path, Source(path, stamp))

    def append(self, frame: Frame, stamp: str, persons: Detections) -> None:
        """Add a frame and the persons in it.

        Args:
            frame (Frame): The frame.
            stamp (str): See ``gallery_index.stamp``.
            persons (Detections): What was found; may be nobody.

        Raises:
            UserError: The embeddings are of another length than those of the
                gallery.
        """
        self.source(frame.path, stamp)
        vectors = np.ascontiguousarray(persons.embeddings, np.float32)
        if len(vectors):
            self._write(vectors)
        self.rows.add(frame, len(vectors), persons.bboxes, persons.scores)

    def _write(self, vectors: np.ndarray) -> None:
        if self.width not in (0, vectors.shape[1]):
            raise UserError(
                f'{self.path} holds embeddings of length {self.width}, the '
                f'model gives {vectors.shape[1]}: name another --index'
            )
        self.width = vectors.shape[1]
        file = self._file
        if file is None:
            if not self.count:  # who reads an earlier gallery keeps its file
                self.vectors_path.unlink(missing_ok=True)
            mode = 'r+b' if self.vectors_path.exists() else 'w+b'
            file = self._file = open(self.vectors_path, mode)  # noqa: SIM115
            # A run that was killed may have left more than it committed.
            file.truncate(self.count * self.width * 4)
            file.seek(0, os.SEEK_END)
        raw = vectors.tobytes()
        file.write(raw)
        self.checksum = zlib.crc32(raw, self.checksum)
        self.count += len(vectors)

    def commit(self) -> None:
        """Make everything appended so far part of the gallery."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        state = dict(size=0, time=0)
        if self.vectors_path.exists():
            found = os.stat(self.vectors_path)
            state = dict(size=found.st_size, time=found.st_mtime_ns)
        header = json.dumps(
            dict(
                version=FORMAT_VERSION,
                model_mark=self.model_mark,
                width=self.width,
                count=self.count,
                checksum=self.checksum,
                generation=self.generation,
                vectors=state,
                paths=self.rows.paths,
                sources=[asdict(source) for source in self.sources.values()],
            )
        )
        with replacing(self.path) as beside, open(beside, 'wb') as file:
            np.savez(file, header=np.array(header), **self.rows.columns())

    def remove(self, paths: Iterable[str]) -> None:
        """Take files out of the gallery, and commit.

        The embeddings that stay are copied, none is made again.
        """
        gone = set(paths)
        if not gone & set(self.sources):
            return
        kept = self.rows.persons_without(gone)
        old = self.vectors()
        old_path = self.vectors_path
        if self._file is not None:
            self._file.close()
            self._file = None
        self.generation += 1
        self.checksum = 0
        with open(self.vectors_path, 'wb') as file:
            for start in range(0, len(kept), BLOCK):
                raw = old[kept[start : start + BLOCK]].tobytes()
                self.checksum = zlib.crc32(raw, self.checksum)
                file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        self.count = len(kept)
        self.rows = self.rows.without(gone)
        for path in gone:
            self.sources.pop(path, None)
        self.commit()
        old_path.unlink(missing_ok=True)

    def vectors(self) -> np.ndarray:
        """(P, D) float32, mapped into memory and not read as a whole."""
        if not self.count:
            return np.zeros((0, self.width), np.float32)
        if self._file is not None:
            self._file.flush()
        shape = self.count, self.width
        return np.memmap(self.vectors_path, np.float32, 'r', shape=shape)

    def gallery(self, paths: Iterable[str] | None = None) -> GalleryIndex:
        """The gallery, or a part of it.

        Args:
            paths (Iterable[str]): Files that make up the part; None takes
                all.
        """
        frames = self.rows.frames()
        columns = self.rows.columns()
        index = GalleryIndex(
            frames=frames,
            stamps=[self.sources[frame.path].stamp for frame in frames],
            frame_of=columns['frame_of'],
            bboxes=columns['bboxes'],
            scores=columns['scores'],
            embeddings=self.vectors(),
            model_mark=self.model_mark or '',
        )
        wanted = None if paths is None else set(paths)
        if wanted is None or wanted >= set(self.sources):
            return index
        return index.select([f for f in frames if f.path in wanted])

    def _read(self) -> None:
        with np.load(self.path, allow_pickle=False) as data:
            header = json.loads(str(data['header']))
            if header.get('version') != FORMAT_VERSION:
                raise UserError('it is of another release')
            if self.model_mark is None:
                self.model_mark = header['model_mark']
            if header['model_mark'] != self.model_mark:
                raise UserError(
                    'it was made with another model or other settings'
                )
            self.rows = _Rows.of(header['paths'], data)
        for entry in header['sources']:
            skipped = [Skipped(**row) for row in entry.pop('skipped')]
            source = Source(**entry, skipped=skipped)
            self.sources[source.path] = source
        for name in ('width', 'count', 'checksum', 'generation'):
            setattr(self, name, int(header[name]))
        self._check(header['vectors'])

    def _check(self, state: dict) -> None:
        """Hold the embeddings against what was committed."""
        if len(self.rows.columns()['scores']) != self.count:
            raise UserError('it does not fit its own count')
        if not set(self.rows.paths) <= set(self.sources):
            raise UserError('it names frames of files that it does not know')
        if not self.count:
            return
        if self.width < 1:
            raise UserError('its embeddings have no length')
        found = os.stat(self.vectors_path)
        size = self.count * self.width * 4
        if found.st_size < size:
            raise UserError(f'{self.vectors_path} is cut')
        if (found.st_size, found.st_mtime_ns) == (
            state['size'],
            state['time'],
        ):
            return
        checksum, vectors = 0, self.vectors()
        for start in range(0, self.count, BLOCK):
            block = vectors[start : start + BLOCK]
            checksum = zlib.crc32(block.tobytes(), checksum)
        if checksum != self.checksum:
            raise UserError(f'{self.vectors_path} is damaged')

    def _drop_strangers(self) -> None:
        """Remove files of embeddings that the gallery does not name."""
        for path in self.path.parent.glob(f'{self.path.name}.vectors*'):
            if path != self.vectors_path or not self.path.exists():
                path.unlink()


def load_gallery(path: str | Path) -> GalleryIndex:
    """Read the gallery of a store, or what ``GalleryIndex.save`` wrote.

    Raises:
        UserError: The file is damaged, or another run is writing it.
    """
    if _is_index(path):
        return GalleryIndex.load(path)

    with GalleryStore(path, None) as store:
        return store.gallery()


def _is_index(path: str | Path) -> bool:
    """Whether a file holds its embeddings itself, as an index does."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return 'embeddings' in data.files
    except DAMAGE:
        return True  # it says best what is wrong


class _Rows:
    """The frames and persons of a gallery, in the order they came in.

    Attributes:
        paths (list[str]): Files, in order.
        indices (dict[str, set[int]]): File -> numbers of its frames.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.indices: dict[str, set[int]] = {}
        self._numbers: dict[str, int] = {}
        self._frames: list[tuple[int, int, float]] = []
        self._counts: list[int] = []
        self._bboxes = [np.zeros((0, 4), np.float32)]
        self._scores = [np.zeros(0, np.float32)]

    @classmethod
    def of(cls, paths: list[str], data) -> _Rows:
        """From what ``columns`` gave."""
        rows = cls()
        columns = [data[name] for name in ('path_of', 'index', 'seconds')]
        counts = np.bincount(data['frame_of'], minlength=len(columns[0]))
        for number, index, seconds, count in zip(
            *(column.tolist() for column in columns), counts, strict=True
        ):
            frame = Frame(paths[number], index, seconds)
            rows._add_frame(frame, int(count))
        rows._bboxes = [data['bboxes'].reshape(-1, 4)]
        rows._scores = [data['scores']]
        return rows

    def add(
        self, frame: Frame, count: int, bboxes: np.ndarray, scores: np.ndarray
    ) -> None:
        self._add_frame(frame, count)
        self._bboxes.append(np.asarray(bboxes, np.float32).reshape(-1, 4))
        self._scores.append(np.asarray(scores, np.float32))

    def _add_frame(self, frame: Frame, count: int) -> None:
        number = self._numbers.setdefault(frame.path, len(self.paths))
        if number == len(self.paths):
            self.paths.append(frame.path)
        self.indices.setdefault(frame.path, set()).add(frame.index)
        self._frames.append((number, frame.index, frame.seconds))
        self._counts.append(count)

    def columns(self) -> dict[str, np.ndarray]:
        """Arrays of the F frames and of the P persons."""
        self._bboxes = [np.concatenate(self._bboxes)]
        self._scores = [np.concatenate(self._scores)]
        frames = self._frames or np.zeros((0, 3))
        path_of, index, seconds = np.array(frames, np.float64).T
        return dict(
            path_of=path_of.astype(np.int64),
            index=index.astype(np.int64),
            seconds=seconds,
            frame_of=np.repeat(np.arange(len(self._frames)), self._counts),
            bboxes=self._bboxes[0],
            scores=self._scores[0],
        )

    def frames(self) -> list[Frame]:
        return [
            Frame(self.paths[number], index, seconds)
            for number, index, seconds in self._frames
        ]

    def persons_without(self, gone: set[str]) -> np.ndarray:
        """(K,) rows of the persons in other files."""
        columns = self.columns()
        numbers = [self._numbers[path] for path in gone & set(self.paths)]
        kept = ~np.isin(columns['path_of'], numbers)
        return np.flatnonzero(kept[columns['frame_of']])

    def without(self, gone: set[str]) -> _Rows:
        """The rows of the other files."""
        persons, columns = self.persons_without(gone), self.columns()
        rows = _Rows()
        for frame, count in zip(self.frames(), self._counts):
            if frame.path not in gone:
                rows._add_frame(frame, count)
        rows._bboxes = [columns['bboxes'][persons]]
        rows._scores = [columns['scores'][persons]]
        return rows


def _lock(path: Path, is_shared: bool):
    """A lock that ends with the process, where the system has locks.

    One that is shared keeps writers out, and writes nothing itself.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return None
    lock = path.with_name(f'.{path.name}.lock')
    if is_shared and not os.access(lock, os.R_OK):
        return None  # copied without it: nobody writes here
    # (it stays open as long as the lock is held)
    file = open(lock, 'r' if is_shared else 'w')  # noqa: SIM115
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(
            f'{path} is being written by another run: wait for it, or name '
            'another --index'
        ) from None
    except OSError:  # a file system without locks
        file.close()
        return None
    return file
