"""The lock of a gallery: one run writes it, or any number read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from mmdet_ps.utils.errors import UserError


def lock_gallery(path: Path, is_shared: bool) -> IO[str] | None:
    """Keep others from writing a gallery while this process uses it.

    The lock ends with the process. One that is shared keeps writers out, and
    writes nothing itself.

    Args:
        path (Path): The gallery's file; the lock lies hidden beside it.
        is_shared (bool): Whether others may read meanwhile.

    Returns:
        IO[str]: Holds the lock until it is closed; None where there are no
        locks.

    Raises:
        UserError: If another run is writing the gallery, or, unless the lock
            is shared, reading it.
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
