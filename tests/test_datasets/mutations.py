"""Seeded damage to the files of a dataset, one file at a time."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

# What a field may hold that nobody expected there.
ODD = (
    None, True, False, 0, -1, 3, 0.5, -2.5, 1e300, 2**31, 2**70, -(2**70),
    float('nan'), float('inf'), '', 'x', '12', 'a\0b', '\ud800', 'é', [],
    [1], [[1, 2], [3]], [None] * 4, ['1', '2', '3', '4'], {}, {'a': 1},
    [{'bbox': 1}], 'w' * 300, '../..',
)  # fmt: skip
ODD_BYTES = (
    b'', b'\0', b'\xff\xfe\x80', b'\xef\xbb\xbf', b'[' * 100_000,
    b'{"a":' * 50_000, b'9' * 5000, b'<html>', b'nan', b'-1', b'1e999',
    b'\x80\x04K\x05.', b'version https://git-lfs.github.com/spec/v1\n',
)  # fmt: skip
ODD_WORDS = ('', 'nan', 'inf', '-1', '1e999', '9' * 30, 'x', '0', '-0.5',
             'a\0b', 'é', '..', 'ＮａＮ', '１２', 'x' * 300)  # fmt: skip


def mutate(root: Path, rng: random.Random) -> tuple[str, Callable]:
    """Damage one thing below ``root``; returns what, and how to undo it."""
    files = sorted(p for p in root.rglob('*') if p.is_file())
    # Images are many and all alike: one annotation file counts as much.
    images = [p for p in files if p.suffix in ('.jpg', '.png')]
    others = [p for p in files if p.suffix not in ('.jpg', '.png')]
    path = rng.choice(
        others if others and (rng.random() < 0.8 or not images) else images
    )
    name = path.relative_to(root)
    if rng.random() < 0.06:
        return f'{name}: {_damage_place(path, rng)}', _mover(path)
    content = path.read_bytes()

    def undo() -> None:
        path.write_bytes(content)

    return f'{name}: {damage_file(path, rng)}', undo


def damage_file(path: Path, rng: random.Random) -> str:
    """Change the content of a file; returns what was done."""
    change = {
        '.json': _damage_json,
        '.odgt': _damage_lines_of_json,
        '.mat': _damage_matlab,
        '.txt': _damage_words,
        '.pkl': _damage_pickle,
        '.png': _damage_png,
    }.get(path.suffix, _damage_bytes)
    if rng.random() < 0.35:
        change = _damage_bytes
    return change(path, rng)


def _aside(path: Path) -> Path:
    return path.with_name(f'{path.name}.aside')


def _damage_place(path: Path, rng: random.Random) -> str:
    path.rename(_aside(path))
    kind = rng.choice(('gone', 'folder', 'link to itself', 'bytes', 'hidden'))
    if kind == 'folder':
        path.mkdir()
    elif kind == 'link to itself':
        path.symlink_to(path)
    elif kind == 'bytes':  # a name that is not UTF-8 beside the others
        odd = os.fsencode(path.parent) + b'/\xff' + os.fsencode(path.name)
        shutil.copy(_aside(path), odd)
    elif kind == 'hidden':
        shutil.copy(_aside(path), path.with_name(f'._{path.name}'))
    return kind


def _mover(path: Path) -> Callable:
    def undo() -> None:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.with_name(f'._{path.name}').unlink(missing_ok=True)
        odd = os.fsencode(path.parent) + b'/\xff' + os.fsencode(path.name)
        if os.path.exists(odd):
            os.unlink(odd)
        _aside(path).rename(path)

    return undo


def _damage_bytes(path: Path, rng: random.Random) -> str:
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice((1, 4, 64, len(data))))
    kind = rng.choice(('cut', 'drop', 'double', 'zero', 'noise', 'odd', 'in'))
    if kind == 'cut':
        del data[start:]
    elif kind == 'drop':
        del data[start:end]
    elif kind == 'double':
        data[start:start] = data[start:end]
    elif kind == 'zero':
        data[start:end] = bytes(end - start)
    elif kind == 'noise':
        for _ in range(rng.choice((1, 3, 20))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 'odd':
        data = bytearray(rng.choice(ODD_BYTES))
    else:
        data[start:start] = rng.choice(ODD_BYTES)
    path.write_bytes(data)
    return f'{kind} at {start} to {end}'


def damage_value(document: object, rng: random.Random) -> str:
    """Change one value in nested lists and dicts, in place."""
    holder, where, depth = document, '', 0
    while True:
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else list(range(len(holder)))
        )
        if not keys:
            return f'{where} is empty'
        key = rng.choice(keys)
        inner = holder[key]
        where += f'[{key!r}]'
        depth += 1
        if not isinstance(inner, (dict, list)) or not inner:
            break
        if rng.random() < 0.2:
            break
        holder = inner
    kind = rng.choice(('drop', 'double', 'odd', 'odd', 'odd', 'odd'))
    if kind == 'drop':
        del holder[key]
    elif kind == 'double' and isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[key] = rng.choice(ODD)
        kind = f'{holder[key]!r:.40}'
    return f'{where} {kind}'


def _damage_json(path: Path, rng: random.Random) -> str:
    document = json.loads(path.read_text())
    what = damage_value(document, rng)
    path.write_text(json.dumps(document))
    return what


def _damage_lines_of_json(path: Path, rng: random.Random) -> str:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    what = damage_value(lines, rng)
    path.write_text('\n'.join(map(json.dumps, lines)))
    return what


def _damage_words(path: Path, rng: random.Random) -> str:
    lines = [line.split() for line in path.read_text().split('\n')]
    line = rng.choice([line for line in lines if line] or [[]])
    word = rng.choice(ODD_WORDS)
    kind = rng.choice(('drop', 'odd', 'odd', 'line', 'latin', 'utf16'))
    if kind == 'drop' and line:
        line.pop()
    elif kind == 'odd' and line:
        line[rng.randrange(len(line))] = word
    else:
        lines.insert(rng.randrange(len(lines) + 1), [word])
    text = '\n'.join(' '.join(line) for line in lines)
    coding = {'latin': 'latin1', 'utf16': 'utf-16'}.get(kind, 'utf-8')
    path.write_bytes(text.encode(coding, 'replace'))
    return f'{kind} {word!r:.40}'


def _damage_pickle(path: Path, rng: random.Random) -> str:
    document = pickle.loads(path.read_bytes())
    what = damage_value([document], rng)
    path.write_bytes(pickle.dumps(document))
    return what


def _damage_png(path: Path, rng: random.Random) -> str:
    """Another size in the header, whose checksum is made to fit."""
    import zlib

    data = bytearray(path.read_bytes())
    size = rng.choice(((60000, 60000), (0, 5), (2**31, 1), (1, 2**20 + 1)))
    data[16:24] = size[0].to_bytes(4, 'big') + size[1].to_bytes(4, 'big')
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    path.write_bytes(data)
    return f'size {size}'


ODD_ARRAYS = (
    np.zeros((0, 0)), np.zeros((1, 0)), np.ones((2, 3)), np.array('x'),
    np.array([[np.nan, 1, 2, 3]]), np.array([[2.0**70, 1, 2, 3]]),
    np.array([[1, 2, 3, 1e300]]), np.full((1, 5), -np.inf),
    np.array([['a', 'b']], object), np.array([[1 + 2j]]),
    np.array([[-5, -5, 0, 0]], np.int16), np.array([[255, 1, 2, 3]], np.uint8),
    np.ones((2, 2, 2)), np.array([['é' * 40]]), np.array([['']]),
    np.array([[2**63]], np.uint64), np.array([[-1]], np.int64),
)  # fmt: skip


def _damage_matlab(path: Path, rng: random.Random) -> str:
    try:
        held = loadmat(str(path), appendmat=False)
    except Exception:  # CUHK03's archive is no MATLAB 5 file
        return _damage_bytes(path, rng)
    held = {k: v for k, v in held.items() if not k.startswith('__')}
    what = _damage_array(held, rng)
    savemat(str(path), held, appendmat=False)
    return what


def _damage_array(held: dict, rng: random.Random) -> str:
    holder, key = held, rng.choice(sorted(held))
    where = key
    while isinstance(holder[key], np.ndarray) and rng.random() < 0.9:
        array = holder[key]
        if not array.size or (
            array.dtype.names is None and array.dtype != object
        ):
            break
        place = tuple(rng.randrange(n) for n in array.shape)
        if array.dtype.names:
            holder, key = array[place], rng.choice(array.dtype.names)
        else:
            holder, key = array, place
        where += f'[{key}]'
    odd = rng.choice(ODD_ARRAYS)
    if isinstance(holder, np.ndarray):
        # Assigning an array to an element would spread it.
        box = np.empty((), object)
        box[()] = odd
        holder[key] = box[()]
    else:
        holder[key] = odd
    return f'{where} {odd.dtype} {odd.shape}'
