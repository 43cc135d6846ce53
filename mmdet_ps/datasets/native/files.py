"""Finding and opening the files of a native folder, with plain errors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmdet_ps.utils.images import IMAGE_SUFFIXES

from .errors import REFETCH, NativeDataError
from .records import Note

# No image is this large; beyond it arithmetic with pixels is not exact.
MAX_COORDINATE = 1 << 31


class NativeRoot:
    """A native folder, and where its files come from.

    Args:
        path: The folder.
        provenance: One line: who publishes the files, and how to get them.
        workers: Processes for work on many files; 0 or 1 does it in the
            calling one.

    Raises:
        NativeDataError: There is no such folder.
    """

    def __init__(
        self,
        path: str | Path,
        provenance: str = 'its publisher',
        workers: int = 0,
    ) -> None:
        self.path = Path(path)
        self.provenance = provenance
        self.workers = workers
        if not os.path.isdir(self.path):
            raise NativeDataError(
                self.path,
                'no such folder',
                f'make it, or link it; its content comes from {provenance}',
            )

    def file(self, *relatives: str) -> Path:
        """The first of the named files that exists.

        Args:
            *relatives (str): Names relative to the root.

        Raises:
            NativeDataError: None of them exists.
        """
        for relative in relatives:
            if os.path.isfile(self.path / relative):
                return self.path / relative
        raise self.missing('file', *relatives)

    def folder(self, *relatives: str) -> Path:
        """The first of the named folders that exists; see :meth:`file`."""
        for relative in relatives:
            if os.path.isdir(self.path / relative):
                return self.path / relative
        raise self.missing('folder', *relatives)

    def missing(self, kind: str, *relatives: str) -> NativeDataError:
        """The error to raise where none of the named files or folders exists.

        Args:
            kind (str): What is missing, such as ``file`` or ``folder``.
            *relatives (str): Names relative to the root, any of which would
                do.
        """
        others = ''.join(f' (or {name})' for name in relatives[1:])
        return NativeDataError(
            self.path / relatives[0],
            f'{kind} missing{others}',
            f'it comes from {self.provenance}; check that the root is right',
        )

    def has(self, relative: str) -> bool:
        """Whether there is such a file or folder, relative to the root."""
        return os.path.exists(self.path / relative)

    def relative(self, path: str | Path) -> str:
        """The path relative to the root, with forward slashes."""
        return Path(path).relative_to(self.path).as_posix()

    def map(self, function: Callable, items: Iterable, title: str) -> list:
        """``[function(item) for item in items]``, parallel, with progress."""
        return parallel_map(function, items, title, self.workers)


def parallel_map(
    function: Callable, items: Iterable, title: str, workers: int = 0
) -> list:
    """``[function(item) for item in items]``, in several processes.

    Args:
        function (Callable): What is done with each item. With several
            processes it, the items and the results must be able to cross
            between processes.
        items (Iterable): The items.
        title (str): Title of the progress bar, which appears after two
            seconds.
        workers (int): Number of processes. Below 2, or with fewer than 64
            items, the work is done in the calling process.

    Returns:
        list: The results in the order of the items.
    """
    items = list(items)
    bar = dict(total=len(items), desc=title, delay=2, leave=False)
    if workers < 2 or len(items) < 64:
        return list(tqdm(map(function, items), **bar))
    chunk = max(1, min(256, len(items) // (workers * 4)))
    try:
        with ProcessPoolExecutor(workers) as pool:
            return list(
                tqdm(pool.map(function, items, chunksize=chunk), **bar)
            )
    except BrokenProcessPool:
        # A file ended a process; one after the other, it is known which.
        return [function(item) for item in tqdm(items, **bar)]


def read_text(path: str | Path, remedy: str = REFETCH) -> str:
    """Read a text file in UTF-8, with or without a mark, in any locale.

    Args:
        path (str or Path): The file.
        remedy (str): What the error advises where the file is no such text.

    Raises:
        NativeDataError: The file is missing, or no such text.
    """
    try:
        return Path(path).read_bytes().decode('utf-8-sig')
    except FileNotFoundError:
        reason, remedy = 'file missing', 'put the file in its place'
    except UnicodeDecodeError:
        reason = 'is not a text file in UTF-8'
    except (OSError, ValueError) as error:
        reason = f'cannot be read ({getattr(error, "strerror", error)})'
    raise NativeDataError(path, reason, remedy)


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Read the lines of a text file that are not blank.

    Lines may end as on Windows or on Unix, the last one in any way.

    Returns:
        list[tuple[int, str]]: Number of the line, from 1, and the line
        without white space around it.

    Raises:
        NativeDataError: The file is missing, or no text.
    """
    numbered = enumerate(re.split(r'\r\n|\r|\n', read_text(path)), 1)
    return [(n, line.strip()) for n, line in numbered if line.strip()]


def are_pixels(values: np.ndarray) -> bool:
    """Whether numbers can be coordinates of an image: finite and not huge."""
    return bool((np.abs(values) < MAX_COORDINATE).all())


def list_images(
    folder: Path,
    suffixes: Iterable[str] = IMAGE_SUFFIXES,
    notes: list[Note] | None = None,
) -> list[str]:
    """Names of the image files directly in a folder, sorted.

    Hidden files are never images, whatever they are called: macOS leaves a
    ``._name.jpg`` beside every file that it copies.

    Args:
        folder (Path): The folder.
        suffixes (Iterable[str]): Endings of names that are taken, in lower
            case.
        notes (list[Note]): Takes what was left out, counted by reason.
    """
    taken, left_out = _sift(sorted(os.listdir(folder)), folder, suffixes)
    if notes is not None:
        notes += _left_out(left_out)
    return taken


def walk_files(
    root: Path,
    suffixes: Iterable[str],
    notes: list[Note],
    skip: Iterable[str] = (),
) -> Iterator[str]:
    """Paths of the files below a folder, relative to it, folder by folder.

    A link to a folder is followed, and no folder is entered twice.

    Args:
        root (Path): The folder.
        suffixes (Iterable[str]): Endings of names that are taken, in lower
            case.
        notes (list[Note]): Takes what was left out, counted by reason, once
            the walk is over.
        skip (Iterable[str]): Names of folders that are not entered.
    """
    left_out: dict[str, list[str]] = {}
    seen = {_identity(root)}
    for folder, below, names in os.walk(root, followlinks=True):
        inner = []
        for name in sorted(below):
            path = os.path.join(folder, name)
            if name.startswith('.'):
                left_out.setdefault('hidden folder', []).append(path)
            elif name not in skip and _identity(path) not in seen:
                seen.add(_identity(path))
                inner.append(name)
        below[:] = inner
        taken, others = _sift(sorted(names), folder, suffixes)
        for reason, paths in others.items():
            left_out.setdefault(reason, []).extend(paths)
        for name in taken:
            yield os.path.relpath(os.path.join(folder, name), root)
    notes += _left_out(left_out)


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _sift(
    names: Iterable[str], folder: str | Path, suffixes: Iterable[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Names of the files with a suffix; paths of the others by reason."""
    suffixes = tuple(suffixes)
    taken: list[str] = []
    left_out: dict[str, list[str]] = {}
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith('.'):
            reason = 'hidden file'
        elif not name.lower().endswith(suffixes):
            reason = 'file of another kind'
        elif not os.path.isfile(path):
            reason = 'folder or broken link named like a file'
        else:
            taken.append(name)
            continue
        left_out.setdefault(reason, []).append(path)
    return taken, left_out


def _left_out(paths: dict[str, list[str]]) -> list[Note]:
    return [
        Note(reason, found[0], 'left out', len(found))
        for reason, found in paths.items()
    ]
