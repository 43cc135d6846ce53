"""One compressed file of numpy arrays holds all protocols of a dataset.

Arrays that several protocols share are stored once. Gallery lists are stored
with their relevant entries first and the others in ascending order. The order
of the others has no meaning, and steps between sorted numbers compress well.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from .search_protocol import SearchProtocol

# What numpy, zip, JSON and the protocol itself raise on a damaged file.
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    AttributeError,
    ValueError,
)
FORM = 'mmdet_ps search protocols 1'
ARRAYS = (
    'query_images',
    'query_ids',
    'query_boxes',
    'relevant_offsets',
    'relevant_images',
    'relevant_boxes',
    'relevant_counts',
    'image_groups',
    'gallery_offsets',
    'image_sizes',
)
PLAIN = ('name', 'scope', 'gallery_size', 'dataset')


def save_protocols(
    path: str | Path, protocols: Sequence[SearchProtocol]
) -> None:
    """Write protocols to a file.

    Args:
        path (str | Path): the file; an existing one is replaced.
        protocols (Sequence[SearchProtocol]): the first one is what scores are
            reported of by default.

    Raises:
        UserError: A query has a relevant image that its gallery lacks.
    """
    pool: dict[bytes, tuple[str, np.ndarray]] = {}

    def place(array: np.ndarray) -> str:
        key = (
            array.dtype.str.encode()
            + repr(array.shape).encode()
            + array.tobytes()
        )
        return pool.setdefault(key, (f'a{len(pool)}', array))[0]

    header = []
    for protocol in protocols:
        entry = {key: getattr(protocol, key) for key in PLAIN}
        names = '\n'.join(protocol.images).encode()
        entry['images'] = place(np.frombuffer(names, np.uint8))
        entry['arrays'] = {
            key: place(getattr(protocol, key))
            for key in ARRAYS
            if getattr(protocol, key) is not None
        }
        if protocol.gallery_images is not None:
            entry['gallery'] = place(_pack_lists(protocol))
        header.append(entry)
    text = json.dumps(dict(form=FORM, protocols=header)).encode()
    with replacing(path) as beside, open(beside, 'wb') as stream:
        np.savez_compressed(
            stream, header=np.frombuffer(text, np.uint8), **dict(pool.values())
        )


def load_protocols(
    path: str | Path, names: Sequence[str] | None = None
) -> list[SearchProtocol]:
    """Read the protocols of a file.

    Args:
        path (str | Path): a file that :func:`save_protocols` wrote.
        names (Sequence[str]): which of them, and in which order; by default
            all, as they were written.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It is damaged, of another form, or lacks a named protocol.
    """
    try:
        entries, arrays = _read(path)
        wanted = names or list(entries)
        protocols = [
            _restore(entries[name], arrays)
            for name in wanted
            if name in entries
        ]
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such protocol file; tools/prepare_data.py writes it '
            'from the native folder of the dataset'
        ) from None
    except (PermissionError, IsADirectoryError):
        raise
    except DAMAGES as error:
        raise UserError(
            f'{path}: not a protocol file, or a damaged one '
            f'({type(error).__name__}: {error}); write it again with '
            'tools/prepare_data.py'
        ) from None
    unknown = [name for name in wanted if name not in entries]
    if unknown:
        raise UserError(
            f'{path}: no protocol {unknown[0]!r}; it holds '
            f'{", ".join(entries)}'
        )
    return protocols


def _read(path: str | Path) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """Entry of each protocol by name, and the arrays they refer to."""
    with open(path, 'rb') as file, np.load(file, allow_pickle=False) as store:
        header = json.loads(bytes(store['header']))
        if header['form'] != FORM:
            raise UserError(f'its form is {header["form"]!r}, not {FORM!r}')
        arrays = {key: store[key] for key in store.files}
    return {entry['name']: entry for entry in header['protocols']}, arrays


def _restore(entry: dict, arrays: dict) -> SearchProtocol:
    values = {key: arrays[place] for key, place in entry['arrays'].items()}
    names = bytes(arrays[entry['images']]).decode()
    if 'gallery' in entry:
        values['gallery_images'] = _unpack_lists(
            arrays[entry['gallery']],
            values['gallery_offsets'],
            np.diff(values['relevant_offsets']),
        )
    return SearchProtocol(
        images=names.split('\n') if names else [],
        **{key: entry[key] for key in PLAIN},
        **values,
    )


def _pack_lists(protocol: SearchProtocol) -> np.ndarray:
    """The images of all galleries in a form that compresses well.

    Returns:
        ndarray: (E,) unsigned int: of each query the relevant images in their
        order, then the first of the others and the steps from one to the
        next.
    """
    packed = []
    for query in range(protocol.num_queries):
        relevant = protocol.relevant_images[protocol.relevant(query)]
        counts = np.bincount(
            protocol.listed(query), minlength=len(protocol.images)
        )
        np.subtract.at(counts, relevant, 1)
        if (counts < 0).any():
            raise UserError(
                f'protocol {protocol.name!r}: query {query} has '
                'a relevant image that its gallery lacks'
            )
        others = np.repeat(np.arange(len(counts)), counts)
        packed += [relevant, np.diff(others, prepend=0)]
    flat = np.concatenate(packed) if packed else np.zeros(0, np.int64)
    top = flat.max(initial=0)
    return flat.astype(np.uint16 if top < 2**16 else np.uint32)


def _unpack_lists(
    flat: np.ndarray, offsets: np.ndarray, relevant: np.ndarray
) -> np.ndarray:
    """The images of all galleries from what :func:`_pack_lists` gives.

    Args:
        flat (ndarray): what it gave, (E,) int.
        offsets (ndarray): where the gallery of each query begins, (Q + 1,).
        relevant (ndarray): how many relevant images each query has, (Q,).

    Returns:
        ndarray: (E,) int32 image indices.
    """
    images = flat.astype(np.int32)
    for start, end, count in zip(offsets[:-1], offsets[1:], relevant):
        np.cumsum(images[start + count : end], out=images[start + count : end])
    return images
