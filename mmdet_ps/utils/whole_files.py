"""Writing through mmengine so that a file is whole or not there."""

import errno
import os
from io import BytesIO
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from .files import replacing

BACKEND = 'whole_file'
CHUNK = 1 << 24


@register_backend(BACKEND, force=True)
class WholeFileBackend(LocalBackend):
    """Writes beside, onto the disk, compares, and renames."""

    def put(self, obj: bytes | BytesIO, filepath: str | Path) -> None:
        """Write a file.

        Args:
            obj: Its content.
            filepath: Its path; the folder is made if needed.

        Raises:
            OSError: It could not be written, or reads back as something
                else; the path is what it was before.
        """
        content = memoryview(
            obj if isinstance(obj, bytes) else obj.getbuffer()
        )
        path = Path(filepath)
        with replacing(path) as beside:
            with open(beside, 'wb') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if not holds(beside, content):
                raise OSError(0, 'reads back as something else', str(path))
        sync_folder(path.parent)


def holds(path: Path, content: memoryview) -> bool:
    """Whether a file's content is this."""
    if path.stat().st_size != len(content):
        return False
    with open(path, 'rb') as file:
        return all(
            file.read(CHUNK) == content[start : start + CHUNK]
            for start in range(0, len(content), CHUNK)
        )


def sync_folder(folder: Path) -> None:
    """Bring a folder's renamed entries onto the disk, where that is known."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # What some network and shared file systems answer for a folder.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
