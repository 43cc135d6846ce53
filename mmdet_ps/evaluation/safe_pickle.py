"""Pickle files of numbers, read without running what they contain.

A pickle can name any function and have it called. Result files need numpy
arrays and plain containers, so nothing else is admitted.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from mmdet_ps.utils.errors import UserError

try:
    from numpy._core import multiarray, numeric
except ImportError:  # numpy 1
    from numpy.core import multiarray, numeric


class UnsafePickleError(UserError):
    """The file asks for something that no result file needs."""


def _latin1_bytes(text: str, encoding: str = 'latin1') -> bytes:
    """What old protocols use for the bytes of an array."""
    if encoding != 'latin1':
        raise UnsafePickleError(f'bytes encoded as {encoding!r}')
    return text.encode('latin1')


# numpy 1 writes numpy.core, numpy 2 numpy._core; both read here.
_ADMITTED = {
    **{
        (f'numpy.{core}.{module}', name): value
        for core in ('core', '_core')
        for module, name, value in (
            ('multiarray', '_reconstruct', multiarray._reconstruct),
            ('multiarray', 'scalar', multiarray.scalar),
            ('numeric', '_frombuffer', getattr(numeric, '_frombuffer', None)),
        )
    },
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    ('_codecs', 'encode'): _latin1_bytes,
    ('collections', 'OrderedDict'): dict,
    **{
        (module, kind.__name__): kind
        for module in ('builtins', '__builtin__')
        for kind in (bytes, bytearray, list, dict, tuple, set)
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise UnsafePickleError(
                f'it names {module}.{name}, which a file of detections does '
                'not need'
            ) from None


def load_numbers(path: str | Path):
    """The content of a pickle of numpy arrays and plain containers."""
    try:
        with open(path, 'rb') as stream:
            return _Unpickler(stream).load()
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such file; tools/test.py --out writes results'
        ) from None
    except UnsafePickleError as error:
        raise UnsafePickleError(
            f'{path}: refused: {error}; use a file from a source you trust, '
            'written as lists of arrays'
        ) from None
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
        ImportError,
        UnicodeDecodeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise UserError(
            f'{path}: not a pickle of detections '
            f'({type(error).__name__}: {error}); write it again '
            'with tools/test.py --out'
        ) from None
