"""The folder of a training: who writes there, and where it goes on."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
import zipfile
from pathlib import Path

from .errors import UserError
from .safe_load import CheckpointError, check_form

POINTER = 'last_checkpoint'
LOCK = '.lock'
CHECKPOINT = re.compile(r'(epoch|iter)_(\d+)\.pth')


def lock_work_folder(folder: str | Path) -> None:
    """Let nobody else train in a folder while this process lives.

    The lock is the operating system's: it ends with the process, however
    that ends, and its loader processes do not inherit it.

    Args:
        folder: The work folder; made if needed.

    Raises:
        UserError: Another process trains there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Left open until the process ends.
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        owner = os.pread(descriptor, 1000, 0).decode() or 'another process'
        os.close(descriptor)
        raise UserError(
            f'{folder}: {owner} trains in this folder; wait for it to end, '
            'or give another --work-dir'
        ) from None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return
    owner = f'process {os.getpid()} on {socket.gethostname()}'
    owner += time.strftime(', started %Y-%m-%d %H:%M:%S,')
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, owner.encode(), 0)


def latest_checkpoint(folder: str | Path, say=print) -> Path | None:
    """The newest whole checkpoint of a work folder, wherever it was moved.

    Args:
        folder: The work folder.
        say: Called with a line for each damaged one that is passed over.

    Returns:
        Path: The checkpoint; None if the folder holds none.

    Raises:
        UserError: There are checkpoints, but none is whole.
    """
    folder = Path(folder)
    candidates = checkpoints_of(folder)
    for path in candidates:
        problem = damage(path)
        if not problem:
            return path
        say(f'{path}: {problem}; trying the checkpoint before it')
    if candidates:
        raise UserError(
            f'{folder}: none of its {len(candidates)} checkpoints is whole; '
            'copy a whole one there, or train anew with another --work-dir'
        )
    return None


def require_whole(path: str | Path) -> Path:
    """The path of a checkpoint, if that can be read.

    Raises:
        UserError: There is no such file, or it is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f'{path}: no such checkpoint; --resume without a value takes the '
            'newest one of the work folder'
        )
    advice = (
        '--resume without a value takes the newest whole one of the work '
        'folder'
    )
    try:
        check_form(path)  # a web page, an empty file, ...
    except CheckpointError as error:
        raise CheckpointError(f'{error}; {advice}') from error
    # Files in PyTorch's form before 1.6 carry no check sums.
    if zipfile.is_zipfile(path) and (problem := damage(path)):
        raise CheckpointError(f'{path}: {problem}; {advice}')
    return path


def checkpoints_of(folder: Path) -> list[Path]:
    """Checkpoints of a folder, the newest first.

    That is the one ``last_checkpoint`` names, and those written before it. If
    it names none that is there, it is the one of the highest number.
    """
    found = {
        path.name: (kind[1], int(kind[2]))
        for path in folder.glob('*.pth')
        if (kind := CHECKPOINT.fullmatch(path.name))
    }
    pointer = folder / POINTER
    named = ''
    if pointer.is_file():
        # mmengine writes a path, which ends where the folder is moved.
        named = Path(pointer.read_text().strip()).name
    if named in found:
        kind, last = found[named]
        found = {
            name: (other, number)
            for name, (other, number) in found.items()
            if other == kind and number <= last
        }
    names = sorted(found, key=lambda name: found[name][1], reverse=True)
    if named and named not in found and (folder / named).is_file():
        names.insert(0, named)  # a name the configuration chose
    return [folder / name for name in names]


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint file; None if it is whole.

    Every record of a checkpoint carries a check sum (CRC-32), and the
    directory of them stands at the end.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except Exception as error:  # damage may look like anything
        return f'is damaged ({error})'
    return f'is damaged (wrong check sum of {broken})' if broken else None
