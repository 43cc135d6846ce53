"""The gallery lists of CUHK-SYSU, read without an object per number.

TestG4000.mat holds 11.6 million gallery entries of three arrays each; as
Python objects they take minutes and some ten gigabytes. The file is a plain
sequence, though: the header of every array starts with the same words, so
whole stretches of it are read with a few operations. Anything unusual raises
:class:`OtherLayout`, and the caller takes the slow and general way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CHUNK = 32 << 20
NAME_BYTES = 16
MATRIX, COMPRESSED, STRUCT, CHAR = 14, 15, 2, 4
# Tags of the flags (two 32 bit numbers), of two dimensions, of no name.
FLAGS, DIMS, NO_NAME = 6 | 8 << 32, 5 | 8 << 32, 1
HEADER_WORDS = 7
NUMBERS = {1: 'i1', 2: 'u1', 3: '<i2', 4: '<u2', 5: '<i4', 6: '<u4',
           7: '<f4', 9: '<f8'}  # fmt: skip
CHARACTERS = {1: 1, 2: 1, 4: 2, 16: 1, 17: 2}  # bytes each


class OtherLayout(Exception):
    """The file is not laid out as this module expects."""


@dataclass
class Structure:
    """A struct array of the file.

    Args:
        leaves: How many leaves stand before it in the file.
        count: Number of its entries.
        fields: Names of their fields.
    """

    leaves: int
    count: int
    fields: list[str]


@dataclass
class Leaves:
    """Arrays that are no structs, in the order of the file.

    ``codes`` and ``sizes`` are read in blocks; joined they have an entry for
    each of the L leaves.

    Args:
        codes: Index of the leaf's text among the known names, (L,) int32; -1
            for other texts and for numbers.
        sizes: Number of elements, (L,) uint8; 255 stands for more as well.
        boxes: Number of a leaf of four numbers -> these, (4,) float64.
        structures: All struct arrays.
        count: L.
    """

    codes: list[np.ndarray] = field(default_factory=list)
    sizes: list[np.ndarray] = field(default_factory=list)
    boxes: dict[int, np.ndarray] = field(default_factory=dict)
    structures: list[Structure] = field(default_factory=list)
    count: int = 0


def read_leaves(path: str | Path, variable: str, names: list[str]) -> Leaves:
    """Read all leaves of a variable of nested struct arrays.

    Args:
        path: MATLAB 5 file.
        variable: Name of the variable.
        names: Texts that are known, such as image names, of at most 16
            bytes each.

    Raises:
        OtherLayout: The file is laid out in another way than the published
            ones, or is damaged.
    """
    known = _NameTable(names)
    leaves = Leaves()
    rest = b''
    for chunk in _stream(Path(path), variable):
        data = rest + chunk
        used = _scan(data, leaves, known)
        rest = data[used:]
    if rest.strip(b'\0'):
        raise OtherLayout('bytes are left over')
    return leaves


def _stream(path: Path, variable: str) -> Iterator[bytes]:
    """The bytes of a variable, tag included, in chunks."""
    with open(path, 'rb') as source:
        header = source.read(128)
        if header[124:128] != b'\x00\x01IM':
            raise OtherLayout('not a little-endian MATLAB 5 file')
        while True:
            tag = source.read(8)
            if len(tag) < 8:
                raise OtherLayout(f'no variable {variable}')
            kind, size = np.frombuffer(tag, '<u4')
            if kind not in (MATRIX, COMPRESSED):
                raise OtherLayout(f'element of type {kind}')
            body = source.read(int(size))
            chunks = _inflate(body) if kind == COMPRESSED else [tag + body]
            chunks = iter(chunks)
            first = next(chunks, b'')
            if variable.encode() in first[:80]:
                yield first
                yield from chunks
                return


def _inflate(body: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    try:
        while body and not inflater.eof:
            yield inflater.decompress(body, CHUNK)
            body = inflater.unconsumed_tail
    except zlib.error as error:
        raise OtherLayout(str(error)) from None


class _NameTable:
    """Finds texts in a list, many at a time, as pairs of 64 bit words."""

    def __init__(self, names: list[str]) -> None:
        encoded = [name.encode() for name in names]
        if max(map(len, encoded), default=0) > NAME_BYTES:
            raise OtherLayout('long names')
        table = np.array(encoded, f'S{NAME_BYTES}').view('<u8').reshape(-1, 2)
        keys = self._key(table)
        self.order = np.argsort(keys)
        self.keys, self.table = keys[self.order], table[self.order]
        if len(np.unique(keys)) != len(names):
            raise OtherLayout('names repeat')

    @staticmethod
    def _key(words: np.ndarray) -> np.ndarray:
        return words[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ words[:, 1]

    def find(self, texts: np.ndarray) -> np.ndarray:
        """(n,) index of texts (n, 16) uint8 padded with zeros, or -1."""
        if not len(self.keys):
            return np.full(len(texts), -1)
        words = np.ascontiguousarray(texts).view('<u8').reshape(-1, 2)
        place = np.searchsorted(self.keys, self._key(words))
        place = np.minimum(place, len(self.keys) - 1)
        same = (self.table[place] == words).all(axis=1)
        return np.where(same, self.order[place], -1)


def _scan(data: bytes, leaves: Leaves, known: _NameTable) -> int:
    """Read the arrays that ``data`` holds whole; returns the bytes used."""
    words = np.frombuffer(data, '<u8', len(data) // 8)
    starts = _headers(words)
    sizes = (words[starts] >> np.uint64(32)).astype(np.int64) + 8
    structs = (words[starts + 2] & np.uint64(0xFF)) == STRUCT
    ends = starts * 8 + sizes
    for k in np.flatnonzero(structs):
        ends[k] = _struct_end(data, int(starts[k]) * 8)
    whole = (ends >= 0) & (ends <= len(data))
    stop = len(starts) if whole.all() else int(np.flatnonzero(~whole)[0])
    starts, ends, structs = starts[:stop], ends[:stop], structs[:stop]
    if not stop:
        return 0
    if starts[0] or (starts[1:] * 8 != ends[:-1]).any():
        raise OtherLayout('something stands between the arrays')
    before = leaves.count + np.cumsum(~structs) - 1
    for k in np.flatnonzero(structs):
        leaves.structures.append(
            _structure(data, int(starts[k]) * 8, int(before[k]) + 1)
        )
    _read_leaves(data, words, starts[~structs], leaves, known)
    return int(ends[-1])


def _headers(words: np.ndarray) -> np.ndarray:
    """Where arrays of two dimensions begin, in words."""
    last = len(words) - HEADER_WORDS
    if last < 0:
        return np.zeros(0, np.int64)
    tags = np.flatnonzero(words[1 : last + 2] == FLAGS)
    kinds = words[tags] & np.uint64(0xFFFFFFFF)
    return tags[(kinds == MATRIX) & (words[tags + 3] == DIMS)]


def _element(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Type, bytes, where they begin, and where the element ends."""
    kind, size = np.frombuffer(data, '<u4', 2, at)
    if kind >> 16:  # up to four bytes stand inside the tag
        return int(kind & 0xFFFF), int(kind >> 16), at + 4, at + 8
    return int(kind), int(size), at + 8, at + 8 + -(-int(size) // 8) * 8


def _struct_parts(data: bytes, start: int) -> tuple:
    _, _, _, at = _element(data, start + 40)  # its name
    _, _, length, at = _element(data, at)
    width = int(np.frombuffer(data, '<i4', 1, length)[0])
    _, size, names, end = _element(data, at)
    return width, size, names, end


def _struct_end(data: bytes, start: int) -> int:
    """Where the header of a struct array ends; -1 where it is cut off."""
    try:
        end = _struct_parts(data, start)[3]
    except ValueError:
        return -1
    return end if end <= len(data) else -1


def _structure(data: bytes, start: int, leaves: int) -> Structure:
    rows, columns = np.frombuffer(data, '<i4', 2, start + 32)
    width, size, names, _ = _struct_parts(data, start)
    fields = [
        data[at : at + width].split(b'\0')[0].decode('latin1')
        for at in range(names, names + size, max(width, 1))
    ]
    return Structure(leaves, int(rows) * int(columns), fields)


def _read_leaves(
    data: bytes,
    words: np.ndarray,
    starts: np.ndarray,
    leaves: Leaves,
    known: _NameTable,
) -> None:
    if (words[starts + 5] != NO_NAME).any():
        raise OtherLayout('an entry of a struct has a name')
    dims = words[starts + 4]
    sizes = (dims & np.uint64(0xFFFFFFFF)) * (dims >> np.uint64(32))
    sizes = sizes.astype(np.int64)
    codes = np.full(len(starts), -1, np.int32)
    texts = (words[starts + 2] & np.uint64(0xFF)) == CHAR
    short = texts & (sizes <= NAME_BYTES) & (sizes > 0)
    codes[short] = _find_names(data, words, starts[short], sizes[short], known)
    for k in np.flatnonzero(~texts & (sizes == 4)):
        kind, size, at, _ = _element(data, int(starts[k]) * 8 + 48)
        if kind not in NUMBERS:
            raise OtherLayout(f'numbers of type {kind}')
        box = np.frombuffer(data[at : at + size], NUMBERS[kind])
        leaves.boxes[leaves.count + int(k)] = box.astype(np.float64)
    leaves.codes.append(codes)
    leaves.sizes.append(np.minimum(sizes, 255).astype(np.uint8))
    leaves.count += len(starts)


def _find_names(data, words, starts, sizes, known) -> np.ndarray:
    tags = words[starts + 6]
    small = (tags >> np.uint64(16) & np.uint64(0xFFFF)) > 0
    kinds = tags & np.uint64(0xFFFF)
    steps = np.zeros(len(starts), np.int64)
    for kind, step in CHARACTERS.items():
        steps[kinds == kind] = step
    if not steps.all():
        raise OtherLayout('texts of an unknown type')
    begin = starts * 8 + np.where(small, 52, 56)
    offsets = np.arange(NAME_BYTES)
    places = begin[:, None] + offsets * steps[:, None]
    inside = offsets < sizes[:, None]
    plain = np.frombuffer(data, np.uint8)
    texts = np.where(inside, plain[np.where(inside, places, 0)], 0)
    return known.find(texts.astype(np.uint8))
