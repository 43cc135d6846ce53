"""Writing files so that no half file is ever left."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, renamed to it on success.

    After an error ``path`` is what it was before. The folder is made if
    needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that write the same file do not write into each other.
    beside = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def remove_parts(folder: Path, pattern: str) -> None:
    """Delete what processes that were killed left while they wrote.

    Args:
        folder: Where nobody else writes such files now.
        pattern: Names of the files that were to be written.
    """
    for part in folder.glob(f'.{pattern}.*.part'):
        part.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8) whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, content: object, **options) -> None:
    """Write JSON, and a line end, whole or not at all.

    Args:
        path: The file.
        content: What ``json.dumps`` takes.
        options: Further options of it.
    """
    write_text(path, json.dumps(content, **options) + '\n')
