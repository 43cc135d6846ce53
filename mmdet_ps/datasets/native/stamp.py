"""Whether the sources of a prepared set have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def source_stamp(root: Path, sources: Iterable[str]) -> dict:
    """Number of source files, and a digest of names, sizes and times."""
    digest, files = hashlib.sha256(), 0
    for source in sources:
        for path in _files(Path(root) / source):
            status = os.stat(path)
            name = os.path.relpath(path, root)
            digest.update(
                f'{name} {status.st_size} {status.st_mtime_ns}\n'.encode()
            )
            files += 1
    return dict(files=files, digest=digest.hexdigest())


def _files(path: Path) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    for folder, below, names in os.walk(path, followlinks=True):
        below.sort()
        for name in sorted(names):
            if os.path.exists(os.path.join(folder, name)):
                yield os.path.join(folder, name)
