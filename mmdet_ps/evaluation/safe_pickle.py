"""Pickle files of numbers, read without running what they contain.

A pickle is a program: it can name any function and have it called, and
change the state of any object. Result files need arrays of numbers and plain
containers, so this reader knows the few names and instructions that these
take. It calls no function that a file names: what numpy would be asked for is
written down (:class:`_Pending`), checked, and made here.
"""

from __future__ import annotations

import mmap
import pickle
import pickletools
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmdet_ps.utils.errors import UserError

# Arrays of booleans, numbers and texts; no objects, records or dates.
DTYPE = re.compile(r'[<>|=]?(b1|[iu][1248]|f[248]|[US]\d{1,6})')
MAX_NESTING = 32
MAX_INT = 2**63
# Instructions that no file of numbers has: persistent objects, the making of
# instances, extensions, sets, buffers kept elsewhere.
FORBIDDEN = {
    code
    for code, opcode in pickletools.code2op.items()
    if opcode.name
    in ('PERSID', 'BINPERSID', 'INST', 'OBJ', 'NEWOBJ', 'NEWOBJ_EX', 'EXT1',
        'EXT2', 'EXT4', 'EMPTY_SET', 'ADDITEMS', 'FROZENSET', 'NEXT_BUFFER',
        'READONLY_BUFFER')
}  # fmt: skip
# What damage makes of a pickle, beside the errors of pickle itself.
DAMAGES = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


class UnsafePickleError(UserError):
    """The file asks for something that no result file needs."""


class _Pending:
    """An array or a type of numbers, until the file has said all of it.

    Args:
        make (Callable): makes the value from the state that follows.
    """

    __slots__ = ('make', 'value')

    def __init__(self, make: Callable[[tuple], object]) -> None:
        self.make = make
        self.value = None


def _dtype(name: str, *flags: bool) -> _Pending:
    """``numpy.dtype``; the byte order is part of the state."""
    if not isinstance(name, str) or not DTYPE.fullmatch(name):
        raise UnsafePickleError(f'it holds an array of type {name!r:.40}')

    def make(state: tuple) -> np.dtype:
        _, order, *rest = state
        # Names and fields of records, shapes and metadata; then sizes.
        if any(part is not None for part in [*rest[:3], *rest[6:]]):
            raise UnsafePickleError('it holds an array of records')
        return np.dtype(name).newbyteorder(order)

    pending = _Pending(make)
    pending.value = np.dtype(name)
    return pending


def _reconstruct(kind: object, shape: tuple, code: object) -> _Pending:
    """An array whose content follows, as most protocols write it."""
    if kind is not _ndarray:
        raise UnsafePickleError('it makes an array of a class of its own')

    def make(state: tuple) -> np.ndarray:
        shape, dtype, by_columns, content = state[-4:]
        return _array(content, dtype, shape, 'F' if by_columns else 'C')

    return _Pending(make)


def _frombuffer(
    content: bytes, dtype: _Pending, shape: tuple, order: str
) -> np.ndarray:
    """An array, as protocol 5 writes it."""
    return _array(content, dtype, shape, order)


def _array(
    content: bytes | str, dtype: _Pending, shape: tuple, order: str
) -> np.ndarray:
    """A writeable array in the byte order of this machine."""
    if isinstance(content, str):  # written by Python 2
        content = content.encode('latin1')
    if not isinstance(content, (bytes, bytearray)):
        raise UnsafePickleError('it holds an array of objects')
    flat = np.frombuffer(content, dtype.value)
    _check_text(flat)
    shaped = flat.reshape(shape, order=order)
    # Bytes must not be written to; a bytearray is the array's own.
    shared = isinstance(content, bytearray) and flat.dtype.isnative
    return shaped if shared else shaped.astype(flat.dtype.newbyteorder('='))


def _scalar(dtype: _Pending, content: bytes) -> np.generic:
    """A number as numpy keeps it."""
    return _array(content, dtype, (), 'C')[()]


def _check_text(flat: np.ndarray) -> None:
    """Refuse texts with numbers that are no characters."""
    if flat.dtype.kind == 'U' and flat.size:
        points = np.frombuffer(flat.tobytes(), np.uint32)
        points = points if flat.dtype.isnative else points.byteswap()
        if ((points > 0x10FFFF) | (points >> 11 == 0xD800 >> 11)).any():
            raise ValueError('a text with numbers that are no characters')


def _latin1_bytes(text: str, encoding: str = 'latin1') -> bytes:
    """What old protocols use for the bytes of an array."""
    if encoding not in ('latin1', 'latin-1'):
        raise UnsafePickleError(f'bytes encoded as {encoding!r:.40}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """``bytes()``: old protocols write an empty array like that."""
    return b''


def _bytearray(
    content: bytes | str = b'', encoding: str = 'latin1'
) -> bytearray:
    """``bytearray``, which would make any number of zeros."""
    if isinstance(content, str):
        content = _latin1_bytes(content, encoding)
    if not isinstance(content, bytes):
        raise UnsafePickleError('it makes a bytearray of something else')
    return bytearray(content)


def _ordered_dict(pairs: list = ()) -> dict:
    """A plain dict for ``collections.OrderedDict``."""
    return {_key(key): value for key, value in pairs}


def _ndarray(*args: object) -> None:
    """Only a name to give to ``_reconstruct``."""
    raise UnsafePickleError('it makes an array without content')


# numpy 1 writes numpy.core, numpy 2 numpy._core; Python 2 __builtin__.
_ADMITTED = {
    **{
        (f'numpy.{core}.{module}', name): value
        for core in ('core', '_core')
        for module, name, value in (
            ('multiarray', '_reconstruct', _reconstruct),
            ('multiarray', 'scalar', _scalar),
            ('numeric', '_frombuffer', _frombuffer),
        )
    },
    ('numpy', 'ndarray'): _ndarray,
    ('numpy', 'dtype'): _dtype,
    ('_codecs', 'encode'): _latin1_bytes,
    ('collections', 'OrderedDict'): _ordered_dict,
    **{
        (module, name): value
        for module in ('builtins', '__builtin__')
        for name, value in (('bytes', _no_bytes), ('bytearray', _bytearray))
    },
}
_FUNCTIONS = frozenset(_ADMITTED.values())


def _key(key: object) -> object:
    """A key of a dict; the hash of a deep tuple would overflow the stack."""
    if not isinstance(key, (str, int, float, bytes, type(None))):
        raise UnsafePickleError(f'a {type(key).__name__} is a key of it')
    return key


class _Unpickler(pickle._Unpickler):
    """Python's own reader, in Python, with some instructions replaced.

    The one in C cannot be told to look at keys and states first.
    """

    def find_class(self, module: str, name: str) -> Callable:
        """What stands for a name in the file."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            # A damaged name may hold anything, line breaks among it.
            known_as = ascii(f'{module}.{name}')[1:-1]
            raise UnsafePickleError(
                f'it names {known_as:.80}, which a file of detections does '
                'not need'
            ) from None

    def load_reduce(self) -> None:
        """Call one of the functions above."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not callable(function) or function not in _FUNCTIONS:
            raise UnsafePickleError('it calls something that is no function')
        self.stack[-1] = function(*arguments)

    def load_build(self) -> None:
        """Complete an array or a type; nothing else has a state."""
        state = self.stack.pop()
        pending = self.stack[-1]
        if not isinstance(pending, _Pending):
            raise UnsafePickleError(
                f'it changes the state of a {type(pending).__name__}'
            )
        pending.value = pending.make(state)

    def load_setitem(self) -> None:
        """Put one value into a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self._plain_dict()[_key(key)] = value

    def load_setitems(self) -> None:
        """Put the values since the mark into a dict."""
        items = self.pop_mark()
        target = self._plain_dict()
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _plain_dict(self) -> dict:
        if type(self.stack[-1]) is not dict:
            raise ValueError('keys for something that is no dict')
        return self.stack[-1]

    def load_dict(self) -> None:
        """Make a dict of what stands since the mark."""
        items = self.pop_mark()
        pairs = zip(items[::2], items[1::2], strict=True)
        self.append(_ordered_dict(pairs))

    def load_binbytes(self) -> None:
        """The bytes of an array, which can be written to in place."""
        (size,) = struct.unpack('<I', self.read(4))
        self.append(bytearray(self.read(size)))

    def load_bytearray8(self) -> None:
        """The same, of no more bytes than the file has."""
        (size,) = struct.unpack('<Q', self.read(8))
        self.append(bytearray(self.read(size)))

    def _refuse(self) -> None:
        raise UnsafePickleError('it makes objects, not numbers')

    dispatch = {
        **pickle._Unpickler.dispatch,
        **dict.fromkeys(map(ord, FORBIDDEN), _refuse),
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.BINBYTES[0]: load_binbytes,
        pickle.BINBYTES8[0]: load_bytearray8,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


def _plain(value: object, seen: dict[int, object], depth: int = 0) -> object:
    """The content with arrays in place, and nothing else than it may hold.

    Args:
        value: What was read.
        seen: By ``id``, what containers became; None while they are made.
        depth: Containers around it.
    """
    kind = type(value)
    if kind in (bool, float, bytes, bytearray, type(None)):
        return value
    if kind is str:
        value.encode()  # half a surrogate pair is no text
        return value
    if kind is int:
        if abs(value) >= MAX_INT:
            raise ValueError('an integer of more than 64 bits')
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return value
    if kind is _Pending and isinstance(value.value, np.ndarray):
        return value.value
    if kind not in (list, tuple, dict):
        raise UnsafePickleError('it holds a function or an unfinished array')
    if id(value) in seen:
        if seen[id(value)] is None:
            raise ValueError('a container that holds itself')
        return seen[id(value)]
    if depth == MAX_NESTING:
        raise ValueError(f'more than {MAX_NESTING} containers in each other')
    seen[id(value)] = None
    if kind is dict:
        made = {
            _plain(key, seen, depth + 1): _plain(item, seen, depth + 1)
            for key, item in value.items()
        }
    else:
        made = kind(_plain(item, seen, depth + 1) for item in value)
    seen[id(value)] = made
    return made


def load_numbers(path: str | Path) -> object:
    """The content of a pickle of numpy arrays and plain containers.

    Raises:
        FileNotFoundError: There is no such file.
        UnsafePickleError: The file asks for more than that.
        UserError: It is no pickle, or a damaged one.
    """
    try:
        with (
            open(path, 'rb') as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            # Mapped, so that no instruction can ask for more than the file.
            return _plain(_Unpickler(content, encoding='latin1').load(), {})
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such file; tools/test.py --out writes results'
        ) from None
    except UnsafePickleError as error:
        raise UnsafePickleError(
            f'{path}: refused: {error}; use a file from a source you trust, '
            'written as lists of arrays'
        ) from None
    except DAMAGES as error:
        raise UserError(
            f'{path}: not a pickle of detections '
            f'({type(error).__name__}: {error}); write it again '
            'with tools/test.py --out'
        ) from None
