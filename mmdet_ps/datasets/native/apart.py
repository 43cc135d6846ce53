"""Reading in a process of its own, which a damaged file may end.

scipy, HDF5, LMDB and OpenCV are written in C, and some damage makes them
write or read where nothing is: the whole process ends by a signal, and nobody
learns which file it was. So files are read in a process apart, which notes
down what it opens.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from .errors import REFETCH, NativeDataError

Result = TypeVar('Result')
# Names the file in which such a process notes down what it opens.
VARIABLE = 'MMDET_PS_READING'
PATIENCE = 10  # seconds for a process that is told to stop
# How a process ends that Python gave up, and that others killed or stopped.
FAILED, STOPPED = 1, (-9, -15)


class RemoteTraceback(Exception):
    """The traceback of an error in the other process, as its cause."""


def read_apart(
    function: Callable[..., Result], *args: object, **options: object
) -> Result:
    """Call a function in a process of its own.

    Within such a process it is simply called.

    Args:
        function (Callable): What reads files. It, what it takes and what it
            returns must be able to cross between processes.
        *args (object): Its arguments.
        **options (object): Its options.

    Raises:
        NativeDataError: The process ended without an answer; any other
            error of the function is raised as it is.
    """
    if VARIABLE in os.environ:
        return function(*args, **options)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    # A process whose parent was killed may still write into the folder.
    with tempfile.TemporaryDirectory(
        prefix='mmdet_ps_reading_', ignore_cleanup_errors=True
    ) as folder:
        # Not held open here, since Windows lets nobody else open it then.
        journal = Path(folder, 'path')
        process = multiprocessing.Process(
            target=_work, args=(sender, str(journal), function, args, options)
        )
        process.start()
        sender.close()
        try:
            result, error, trace = receiver.recv()
        except EOFError:
            process.join()
            path = journal.read_bytes() if journal.is_file() else b''
            path = os.fsdecode(path) or 'a file of the dataset'
            raise _without_answer(path, process.exitcode) from None
        except BaseException:
            _stop(process)
            raise
        process.join()
    if error is not None:
        raise error from RemoteTraceback(trace)
    return result


def _without_answer(path: str, status: int) -> NativeDataError:
    """The error of a process that ended before it could answer.

    Args:
        path (str): What it read last.
        status (int): How it ended; below 0 the number of a signal.
    """
    if status in STOPPED:
        return NativeDataError(
            path,
            f'the process that read it was stopped (signal {-status}), as '
            'systems do when memory runs out',
            'close other programs, or take a machine with more memory',
        )
    if status == FAILED:
        return NativeDataError(
            path,
            'the process that reads it failed; what it printed stands above',
            "a script needs `if __name__ == '__main__':` around its work, "
            'since Python may import it again in such a process',
        )
    ending = f'signal {-status}' if status < 0 else f'exit status {status}'
    return NativeDataError(
        path,
        f'is badly damaged: reading it ended the process ({ending})',
        REFETCH,
    )


def _work(
    sender: Connection,
    journal: str,
    function: Callable,
    args: tuple,
    options: dict,
) -> None:
    os.environ[VARIABLE] = journal
    try:
        answer = function(*args, **options), None, ''
    except BaseException as error:  # an interruption crosses, too
        answer = None, error, f'\n{traceback.format_exc()}'
    sender.send(answer)


def _stop(process: multiprocessing.Process) -> None:
    """Let a process end as Ctrl-C does, and those that it started."""
    os.kill(process.pid, signal.SIGINT)
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()


def mark_reading(path: str | Path) -> None:
    """Note down that a file is about to be opened.

    Outside of :func:`read_apart` nothing is noted. Processes side by side
    write over each other's note, so it may name the file of another one;
    ``parallel_map`` then reads the files once more, one after the other.
    """
    if journal := os.environ.get(VARIABLE):
        with open(journal, 'wb') as file:
            file.write(os.fsencode(path))
