"""A gallery on disk that grows with the footage.

Two files: ``index.npz`` says what is in the gallery, ``index.npz.vectors``
holds the embeddings, one after the other. Embeddings are only ever written
behind what is there, and count once ``index.npz`` has been replaced by one
that says so. Whatever moment a run is killed at, the gallery is the one of
the last commit.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from .detections import Detections
from .embeddings_file import BLOCK, EmbeddingsFile
from .footage import Skipped
from .frames import Frame
from .gallery_index import DAMAGE, GalleryIndex, is_unreadable
from .gallery_lock import lock_gallery
from .gallery_rows import GalleryRows

FORMAT_VERSION = 3


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
    A file that is none, and is not called ``.npz``, stays.

    Args:
        path (str | Path): The file ``index.npz``; the other lies beside it.
        model_mark (str): Tells which model the embeddings are of, see
            ``gallery_index.model_mark``; None takes that of the file, to
            read it, and writes nothing.
        say (Callable): Takes a sentence where a gallery is begun anew.

    Raises:
        OSError: The gallery is there but cannot be read; it stays as it is.
        UserError: If another run is writing the same gallery, or one that is
            to be read is damaged, or the file is none.
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
        self._lock = lock_gallery(self.path, is_read_only)
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
                is_index = isinstance(error, UserError)
                if not is_index and self.path.suffix != '.npz':
                    raise UserError(
                        f'{self.path} is no index, and is not overwritten: '
                        'name a file that ends in .npz'
                    ) from None
                say(f'{self.path} is built again: {error}')
                self._clear()
        if not is_read_only:
            self._drop_strangers()

    def _clear(self) -> None:
        """An empty gallery, in memory."""
        self.sources: dict[str, Source] = {}
        self.rows = GalleryRows()
        self.generation = 0
        self.embeddings = EmbeddingsFile(self._embeddings_path())

    def _embeddings_path(self) -> Path:
        number = f'-{self.generation}' if self.generation else ''
        return self.path.with_name(f'{self.path.name}.vectors{number}')

    def __len__(self) -> int:
        return self.embeddings.count

    def __enter__(self) -> GalleryStore:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; what was not committed is lost."""
        self.embeddings.close()
        if self._lock is not None:
            self._lock.close()

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
        self.embeddings.append(persons.embeddings)
        self.rows.add(frame, persons.bboxes, persons.scores)

    def commit(self) -> None:
        """Make everything appended so far part of the gallery."""
        self.embeddings.sync()
        header = json.dumps(
            dict(
                version=FORMAT_VERSION,
                model_mark=self.model_mark,
                width=self.embeddings.width,
                count=self.embeddings.count,
                checksum=self.embeddings.checksum,
                generation=self.generation,
                vectors=self.embeddings.state(),
                paths=self.rows.paths,
                sources=[asdict(source) for source in self.sources.values()],
            )
        )
        with replacing(self.path) as beside, open(beside, 'wb') as file:
            # As bytes: numpy keeps a text in four of them per letter.
            raw = np.frombuffer(header.encode(), np.uint8)
            np.savez(file, header=raw, **self.rows.columns())

    def remove(self, paths: Iterable[str]) -> None:
        """Take files out of the gallery, and commit.

        The embeddings that stay are copied, none is made again.
        """
        gone = set(paths)
        if not gone & set(self.sources):
            return
        kept = self.rows.persons_without(gone)
        old = self.embeddings
        self.generation += 1
        self.embeddings = EmbeddingsFile(self._embeddings_path(), old.width)
        for start in range(0, len(kept), BLOCK):
            self.embeddings.append(old.read()[kept[start : start + BLOCK]])
        self.rows = self.rows.without(gone)
        for path in gone:
            self.sources.pop(path, None)
        self.commit()
        old.close()
        old.path.unlink(missing_ok=True)

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
            embeddings=self.embeddings.read(),
            model_mark=self.model_mark or '',
        )
        wanted = None if paths is None else set(paths)
        if wanted is None or wanted >= set(self.sources):
            return index
        return index.select([f for f in frames if f.path in wanted])

    def _read(self) -> None:
        with np.load(self.path, allow_pickle=False) as data:
            header = json.loads(bytes(data['header']))
            if header.get('version') != FORMAT_VERSION:
                raise UserError('it is of another release')
            if self.model_mark is None:
                self.model_mark = header['model_mark']
            if header['model_mark'] != self.model_mark:
                raise UserError(
                    'it was made with another model or other settings'
                )
            self.rows = GalleryRows.of(header['paths'], data)
        for entry in header['sources']:
            skipped = [Skipped(**row) for row in entry.pop('skipped')]
            source = Source(**entry, skipped=skipped)
            self.sources[source.path] = source
        width, count, checksum, self.generation = (
            int(header[name])
            for name in ('width', 'count', 'checksum', 'generation')
        )
        self.embeddings = EmbeddingsFile(
            self._embeddings_path(), width, count, checksum
        )
        if len(self.rows.columns()['scores']) != count:
            raise UserError('it does not fit its own count')
        if not set(self.rows.paths) <= set(self.sources):
            raise UserError('it names frames of files that it does not know')
        self.embeddings.check(header['vectors'])

    def _drop_strangers(self) -> None:
        """Remove what killed runs left: embeddings that the gallery does not
        name, and copies of it that are not whole."""
        folder, name = self.path.parent, glob.escape(self.path.name)
        left = {
            *folder.glob(f'{name}.vectors'),
            *folder.glob(f'{name}.vectors-[0-9]*'),
            *folder.glob(f'.{name}.[0-9]*.part'),
        }
        if self.path.exists():
            left.discard(self.embeddings.path)
        for path in left:
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
