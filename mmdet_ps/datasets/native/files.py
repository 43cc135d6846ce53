"""Finding and opening the files of a native folder, with plain errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .errors import REFETCH, NativeDataError


class NativeRoot:
    """A native folder, and where its files come from.

    Args:
        path: The folder.
        provenance: One line: who publishes the files, and how to get them.
        workers: Processes for work on many files; 0 or 1 stays in this one.
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
        if not self.path.is_dir():
            raise NativeDataError(
                self.path,
                'no such folder',
                f'make it, or link it; its content comes from {provenance}',
            )

    def file(self, *relatives: str) -> Path:
        """The first of the named files that exists."""
        for relative in relatives:
            if (self.path / relative).is_file():
                return self.path / relative
        raise self.missing('file', *relatives)

    def folder(self, *relatives: str) -> Path:
        """The first of the named folders that exists."""
        for relative in relatives:
            if (self.path / relative).is_dir():
                return self.path / relative
        raise self.missing('folder', *relatives)

    def missing(self, kind: str, *relatives: str) -> NativeDataError:
        others = ''.join(f' (or {name})' for name in relatives[1:])
        return NativeDataError(
            self.path / relatives[0],
            f'{kind} missing{others}',
            f'it comes from {self.provenance}; is the root right?',
        )

    def has(self, relative: str) -> bool:
        return (self.path / relative).exists()

    def relative(self, path: str | Path) -> str:
        return Path(path).relative_to(self.path).as_posix()

    def map(self, function: Callable, items: Iterable, title: str) -> list:
        """``[function(item) for item in items]``, parallel, with progress."""
        return parallel_map(function, items, title, self.workers)


def parallel_map(
    function: Callable, items: Iterable, title: str, workers: int = 0
) -> list:
    """Map in order; the bar appears after two seconds."""
    items = list(items)
    bar = dict(total=len(items), desc=title, delay=2, leave=False)
    if workers < 2 or len(items) < 64:
        return list(tqdm(map(function, items), **bar))
    chunk = max(1, min(256, len(items) // (workers * 4)))
    with ProcessPoolExecutor(workers) as pool:
        return list(tqdm(pool.map(function, items, chunksize=chunk), **bar))


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """(line number, stripped line) of the lines that are not blank.

    Windows and Unix line ends, and a missing last one, are all the same.
    """
    try:
        content = Path(path).read_bytes().decode('utf-8-sig')
    except UnicodeDecodeError:
        raise NativeDataError(path, 'is not a text file', REFETCH) from None
    numbered = enumerate(content.splitlines(), 1)
    return [(n, line.strip()) for n, line in numbered if line.strip()]


def read_json(path: str | Path, *keys: str) -> dict:
    """A JSON object that has all of ``keys``."""
    try:
        with open(path, encoding='utf-8-sig') as file:
            document = json.load(file)
    except FileNotFoundError:
        raise NativeDataError(
            path, 'missing', 'put the file in its place'
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        where = getattr(error, 'lineno', '?')
        raise NativeDataError(
            path, f'is not valid JSON (line {where})', REFETCH
        ) from None
    if keys:
        lacking = [
            key
            for key in keys
            if not isinstance(document, dict) or key not in document
        ]
        if lacking:
            raise NativeDataError(path, f'lacks the keys {lacking}', REFETCH)
    return document


def json_box(values: object, where: str, path: str | Path) -> np.ndarray:
    """Four finite numbers of a JSON document as (4,) float64."""
    try:
        box = np.array(values, np.float64)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise NativeDataError(path, f'{where} is no box: {values}', REFETCH)
    return box


def list_images(
    folder: Path, suffixes: tuple[str, ...] = ('.jpg', '.png')
) -> list[str]:
    """Names of the image files directly in a folder, sorted."""
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.name.lower().endswith(suffixes)
        and not entry.name.startswith('.')
    )
