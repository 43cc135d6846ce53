"""How every command of this project reads its options and ends.

A mistake of the user is one line ``error: ...`` and exit status 1. Anything
else is a bug: its traceback is shown, with the request to report it.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from ..resources import as_installed
from .errors import UserError

FAILED = 1
PATIENCE = 3  # seconds
# Set to anything, it shows the traceback of a user's mistake, too.
TRACEBACK_VARIABLE = 'MMDET_PS_TRACEBACK'
REPORT = (
    'This looks like a bug of mmdet_ps. Please report it as an issue of the '
    'repository, with the lines above, the command, and what '
    '`python tools/check_env.py` prints.'
)
REMEDIES = {
    errno.ENOENT: 'check the spelling of the path',
    errno.EACCES: 'change its permissions, or name another place',
    errno.EPERM: 'change its permissions, or name another place',
    errno.EROFS: 'name a folder that can be written to',
    errno.ENOSPC: 'free some space, or name a place on another disk',
    errno.EDQUOT: 'free some of your quota, or name a place on another disk',
    errno.EISDIR: 'name a file, this is a folder',
    errno.ENOTDIR: 'name a folder, a part of this path is a file',
}
# How Linux says that a library of the system is not there; OpenCV for
# desktops asks for some that servers and containers lack.
MISSING_LIBRARY = re.compile(r'(\S+\.so\S*): cannot open shared object file')
# How PyTorch hands on the error of a process that loads data.
WORKER_ERROR = re.compile(r'^Caught \w+ in .*\.\s+Original Traceback', re.S)


class ArgumentParser(argparse.ArgumentParser):
    """Turns a wrong option into a :class:`UserError`, in one line."""

    def format_help(self) -> str:
        """The help, with commands as they are where this is installed."""
        return as_installed(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has to say, with the nearest known option."""
        unknown = re.match(r'unrecognized arguments: (--?[\w-]+)', message)
        if unknown:
            near = difflib.get_close_matches(
                unknown[1], self._option_string_actions, n=1
            )
            message += f' (did you mean {near[0]}?)' if near else ''
        raise UserError(f'{message}; `{self.prog} --help` lists the options')


def whole_number(
    least: int = 0, most: int | None = None
) -> Callable[[str], int]:
    """An argument type: a whole number within bounds, which are included."""
    return _bounded(int, 'a whole number', least, most)


def number(
    least: float = -math.inf, most: float | None = None
) -> Callable[[str], float]:
    """An argument type: a finite number within bounds, which are included."""
    return _bounded(float, 'a number', least, most)


def _bounded(
    kind: type, name: str, least: float, most: float | None
) -> Callable[[str], float]:
    wanted = name
    if most is not None:
        wanted += f' from {least} to {most}'
    elif least != -math.inf:
        wanted += f' of at least {least}'

    def read(text: str) -> float:
        with contextlib.suppress(ValueError):
            value = kind(text)
            upper = math.inf if most is None else most
            if math.isfinite(value) and least <= value <= upper:
                return value
        raise argparse.ArgumentTypeError(f'{text} is not {wanted}')

    return read


seed_number = whole_number(0, 2**32 - 1)  # what numpy takes


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the option that lets files of weights run code of their own."""
    parser.add_argument(
        '--trust',
        action='store_true',
        help='also load a file of weights that could run code of its own; '
        'only for files whose maker you trust',
    )


def run_command(main: Callable[[], int | None]) -> NoReturn:
    """Run a command and end the process with its exit status.

    Args:
        main: Does the work; returns an exit status, or None for success.
    """
    try:
        status = main() or 0
        # What is still to be printed may fail, too (a full disk).
        sys.stdout.flush()
    except (UserError, OSError, MemoryError, KeyboardInterrupt) as error:
        status = report_mistake(error)
    except Exception as error:
        lacking = MISSING_LIBRARY.search(str(error))
        if is_out_of_memory(error):
            status = report_mistake(error)
        elif isinstance(error, ImportError) and lacking:
            status = report_mistake(
                UserError(
                    f'this system lacks the library {lacking[1]}, which a '
                    'package needs; `python tools/check_env.py` names the '
                    'package and the remedy'
                )
            )
        else:
            traceback.print_exc()
            print(f'\n{as_installed(REPORT)}', file=sys.stderr)
            status = FAILED
    sys.exit(status)


def report_mistake(error: BaseException) -> int:
    """Print the one line of a user's mistake; returns the exit status."""
    if isinstance(error, BrokenPipeError):
        # Nobody reads the output any more; flushing it at exit would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if os.environ.get('RANK', '0') != '0':
        # All processes of a run mostly see the same; once the first has
        # ended, the others are ended, too, before they repeat it.
        time.sleep(PATIENCE)
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exception(error)
    print(f'error: {one_line(error)}', file=sys.stderr)
    return FAILED


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks, and with a remedy."""
    if isinstance(error, KeyboardInterrupt):
        return 'interrupted'
    if isinstance(error, OSError) and error.strerror:
        places = [p for p in (error.filename, error.filename2) if p]
        text = ' -> '.join(str(place) for place in places)
        text = f'{text}: {error.strerror}' if text else error.strerror
        remedy = REMEDIES.get(error.errno)
        text += f'; {remedy}' if remedy else ''
    else:
        text = str(error).strip() or type(error).__name__
    if WORKER_ERROR.match(text):
        # Its last line is what the worker's exception printed.
        text = re.sub(r'^[\w.]+: ', '', text.strip().splitlines()[-1])
    if is_out_of_memory(error) or isinstance(error, MemoryError):
        text = f'out of memory ({text}); take a smaller batch or fewer images'
    return as_installed(' '.join(text.split()))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is PyTorch's error of a full GPU (torch stays unloaded)."""
    return any(k.__name__ == 'OutOfMemoryError' for k in type(error).__mro__)
