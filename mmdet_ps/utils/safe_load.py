"""Reads files of PyTorch without running what they may ask for.

A file of weights is a pickle, and a pickle may name any function and have it
called. Here only tensors, numbers, text and plain containers come out of a
file, by ``torch.load(weights_only=True)``. What mmengine's checkpoints hold
besides, numpy arrays and the histories of logged values, goes through
stand-ins, which take numbers and nothing else; the real objects are made of
them afterwards. A file that asks for more is refused, and opened only for
somebody who says that he trusts it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import re
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from .errors import UserError
from .optional_packages import optional

NUMBERS = re.compile(r'[<>=|]?(\?|b1|[iu][1248]|f[248]|c8|c16)')
GET_AGAIN = 'download or copy it again'
TRUST = (
    'if you trust whoever made the file, add --trust (in Python: trust=True)'
)
RED, PLAIN = '\033[31m', '\033[0m'
_trusted: set[str] = set()


class CheckpointError(UserError):
    """A file of weights that cannot be used; the message says why."""


def trust_file(path: str | Path) -> None:
    """From now on load this file even if it runs code of its own."""
    _trusted.add(os.path.realpath(path))


def load_file(
    path: str | Path,
    map_location: str | torch.device | None = 'cpu',
    trust: bool = False,
) -> object:
    """What ``torch.save`` put into a file.

    Args:
        path: The file.
        map_location: Device of the tensors, as of ``torch.load``.
        trust: Also load what could run code of its own. A file given to
            :func:`trust_file` is trusted always.

    Raises:
        CheckpointError: The file is none of PyTorch, not all of one, or asks
            for what weights do not need. It is never loaded another way.
    """
    check_form(path)
    if is_safetensors(path):
        return load_safetensors(path, map_location)
    if trust or os.path.realpath(path) in _trusted:
        warn(f'{path} is loaded as trusted: code that it holds is run')
        return _load(path, map_location, weights_only=False)
    with _stand_ins_alone():
        return _load(path, map_location, weights_only=True)


def is_safetensors(path: str | Path) -> bool:
    """Whether a file is called like one that holds tensors and no code."""
    return Path(path).suffix == '.safetensors'


def load_safetensors(
    path: str | Path, map_location: str | torch.device | None
) -> dict[str, torch.Tensor]:
    """The tensors of a file that can hold nothing else."""
    reader = optional('safetensors.torch')
    try:
        weights = reader.load_file(path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # what its reader in Rust has to say
        raise CheckpointError(
            f'{path}: is damaged or no file of tensors ({error}); {GET_AGAIN}'
        ) from error
    if map_location is None:
        return weights
    return {key: value.to(map_location) for key, value in weights.items()}


def warn(text: str) -> None:
    """A warning in red, unless the environment forbids colours."""
    text = f'warning: {text}'
    if not os.environ.get('NO_COLOR'):
        text = f'{RED}{text}{PLAIN}'
    print(text, file=sys.stderr)


@contextlib.contextmanager
def _stand_ins_alone() -> Iterator[None]:
    """Admit the stand-ins, and nothing that somebody else admits."""
    others = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(STAND_INS)
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(others)


def _load(path: str | Path, map_location, weights_only: bool) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of odd forms of pickles
            content = torch.load(
                path, map_location=map_location, weights_only=weights_only
            )
        return _Finish().value(content) if weights_only else content
    except (OSError, MemoryError):
        raise
    except Exception as error:
        refused = refused_part(error, path) if weights_only else None
        if refused:
            raise CheckpointError(
                f'{path}: holds {refused}, which weights do not need and '
                f'which could run code; nothing of it was run; {TRUST}'
            ) from error
        raise CheckpointError(
            f'{path}: is damaged or no file of weights '
            f'({type(error).__name__}); {GET_AGAIN}'
        ) from error


def refused_part(error: Exception, path: str | Path) -> str | None:
    """What the safe loader refused; None if the file is damaged."""
    text = str(error)
    if not isinstance(error, pickle.UnpicklingError):
        return None
    named = re.search(r'GLOBAL ([\w.]+)', text)
    if named:
        return named[1]
    named = re.search(r'unrecognized function (\S.*?)[.\n]', text)
    if named:
        return f'a call of {named[1]}'
    # An operation that only other pickles use, in a file that is whole.
    if zipfile.is_zipfile(path) and zipfile.ZipFile(path).testzip() is None:
        return 'objects that are no tensors'
    return None


def check_form(path: str | Path) -> None:
    """Refuse, with the remedy, what is no file of PyTorch by its bytes."""
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f'{path}: is a folder; name a file in it')
    if not path.exists():
        raise CheckpointError(
            f'{path}: there is no such file; check the spelling of the path'
        )
    with open(path, 'rb') as file:
        head = file.read(512)
    wrong = wrong_form(path, head)
    if wrong:
        raise CheckpointError(f'{path}: {wrong}')


def wrong_form(path: Path, head: bytes) -> str | None:
    """What a file is instead of one of PyTorch, and the remedy."""
    size = path.stat().st_size
    text = head.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if not head:
        return f'is empty (0 bytes); {GET_AGAIN}'
    if head.startswith(b'version https://git-lfs'):
        return (
            'is a pointer of Git LFS, not the file itself; `git lfs pull` '
            'gets that'
        )
    if text.startswith(b'<'):
        return (
            'is a web page, not a file of weights; open its address in a '
            'browser and take the link of the download'
        )
    if head.startswith(b'PK\x03\x04'):
        return _wrong_zip(path, size)
    if head.startswith((b'\x1f\x8b', b'BZh', b'\xfd7zXZ', b'7z\xbc\xaf')):
        return 'is a compressed archive; unpack it and name the file in it'
    # PyTorch reads its oldest files, which are tar archives, past the
    # restriction to weights in versions before 2.6.
    if tarfile.is_tarfile(path):
        return 'is a tar archive; unpack it and name the file in it'
    if is_safetensors(path):
        return None  # its own reader says the rest
    if not head.startswith(b'\x80'):
        return f'is no file of PyTorch ({size} bytes); {GET_AGAIN}'
    return None


def _wrong_zip(path: Path, size: int) -> str | None:
    if not zipfile.is_zipfile(path):
        return f'is cut off after {size} bytes; {GET_AGAIN}'
    with zipfile.ZipFile(path) as archive:
        names = [name.split('/', 1)[-1] for name in archive.namelist()]
    if 'constants.pkl' in names:
        return (
            'is a TorchScript program; save the state_dict of its model and '
            'name that file'
        )
    if 'data.pkl' not in names:
        return 'is a zip archive; unpack it and name the file in it'
    return None


class _Dtype:
    """Stands in for ``numpy.dtype``: numbers only."""

    def __init__(self, text: str, *_: object) -> None:
        if not isinstance(text, str) or not NUMBERS.fullmatch(text):
            raise pickle.UnpicklingError(f'an array of {text!r}')
        self.value = np.dtype(text)

    def __setstate__(self, state: tuple) -> None:
        if state[1] in ('<', '>'):
            self.value = self.value.newbyteorder(state[1])


class _Array:
    """Stands in for ``numpy.ndarray``: the bytes of numbers."""

    value = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, by_columns, data = state
        flat = np.frombuffer(_bytes(data), dtype.value)
        order = 'F' if by_columns else 'C'
        self.value = flat.reshape(shape, order=order).copy(order)


class _History:
    """Stands in for mmengine's ``HistoryBuffer``: its numbers.

    The functions by which the values are summed up are pickled along with
    them; they are taken from mmengine instead.
    """

    def __setstate__(self, state: dict) -> None:
        self.values = state['_log_history'].value
        self.counts = state['_count_history'].value
        self.max_length = int(state['max_length'])


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _scalar(dtype: _Dtype, data: bytes | str) -> np.generic:
    return np.frombuffer(_bytes(data), dtype.value)[0]


def _attribute(_: object, name: str) -> str:
    """Stands in for ``getattr``, by which methods are pickled."""
    return name


def _encode(text: str, _: str) -> bytes:
    """Stands in for ``codecs.encode``, by which bytes are pickled.

    PyTorch admits it by itself from 2.5 on.
    """
    return text.encode('latin1')


def _bytes(data: bytes | str) -> bytes:
    return data.encode('latin1') if isinstance(data, str) else bytes(data)


def _known_as(name: str, stand_in: Callable) -> Callable:
    """A stand-in under the name by which a pickle asks for it."""
    module, _, last = name.rpartition('.')
    if not isinstance(stand_in, type):

        def stand_in(*args, function=stand_in):
            return function(*args)

    stand_in.__module__ = module
    stand_in.__name__ = stand_in.__qualname__ = last
    return stand_in


STAND_INS = [
    argparse.Namespace,  # the options of a run, which many projects keep
    _known_as('numpy.ndarray', _Array),
    _known_as('numpy.dtype', _Dtype),
    _known_as('mmengine.logging.history_buffer.HistoryBuffer', _History),
    _known_as('builtins.getattr', _attribute),
    _known_as('_codecs.encode', _encode),
    *(
        _known_as(f'numpy.{core}.multiarray.{name}', stand_in)
        for core in ('core', '_core')  # of numpy 1 and of numpy 2
        for name, stand_in in (
            ('_reconstruct', _reconstruct),
            ('scalar', _scalar),
        )
    ),
]


class _Finish:
    """Puts the real objects in the place of stand-ins, within containers."""

    def __init__(self) -> None:
        # With the originals, so that their numbers stay theirs.
        self.done: dict[int, tuple[object, object]] = {}

    def value(self, value: object) -> object:
        """The value itself, or what it stands for."""
        if not isinstance(value, dict | list | tuple | _Array | _History):
            return value
        if id(value) not in self.done:
            self.done[id(value)] = value, value
            self.done[id(value)] = value, self._made(value)
        return self.done[id(value)][1]

    def _made(self, value: object) -> object:
        if isinstance(value, _Array):
            return value.value
        if isinstance(value, _History):
            from mmengine.logging import HistoryBuffer

            return HistoryBuffer(value.values, value.counts, value.max_length)
        if isinstance(value, tuple):
            made = [self.value(part) for part in value]
            same = all(a is b for a, b in zip(made, value))
            return value if same else tuple(made)
        # In place: a dict of weights has attributes of its own.
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in list(parts):
            value[key] = self.value(part)
        return value
