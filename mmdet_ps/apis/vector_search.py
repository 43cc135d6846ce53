"""The most similar of many vectors: exact, or by an index of FAISS.

Exact search is the default. Above ``EXACT_LIMIT`` vectors an inverted file
of FAISS (Johnson et al., "Billion-scale similarity search with GPUs", 2017)
takes its place where the package is installed, and says how often it agrees
with exact search.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing, write_json

EXACT_LIMIT = 300_000
KINDS = ('auto', 'exact', 'faiss')
BLOCK = 1 << 16  # rows compared at once
LISTS_PER_ROOT = 4  # lists of the inverted file, times the root of N
TRAINING = 64  # vectors per list to train on
ROUNDS = 10  # of training; 25 take 2.5 times as long for 1 % more recall
WANTED_RECALL = 0.95  # of the ten nearest
PROBES = 200  # queries that recall is measured with
REGROW = 4  # times as many vectors as the lists were made for
COPY = 0x9E3779B97F4A7C1  # odd, so that copies do not meet
NOISE = 0.6  # of a query's length that is no part of the vector it is from
INSTALL = 'pip install "mmdet_ps[faiss]"'


class VectorSearch(Protocol):
    """Finds the nearest of N unit vectors."""

    def nearest(
        self, queries: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The vectors with the greatest inner product.

        Args:
            queries (ndarray): (Q, D) float32, unit vectors.
            count (int): How many, at most N.

        Returns:
            tuple[ndarray, ndarray]: Numbers of the vectors, (Q, count)
            int64, and their similarities, (Q, count) float32, the greatest
            first. Where an index finds fewer, the last numbers are -1.
        """


class ExactSearch:
    """Compares with every vector.

    Args:
        vectors (ndarray): (N, D) float32, unit vectors; may be mapped into
            memory, it is read block by block.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def nearest(
        self, queries: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``VectorSearch``; equal similarities keep the vectors' order."""
        count = min(count, len(self.vectors))
        numbers = np.zeros((len(queries), 0), np.int64)
        best = np.zeros((len(queries), 0), np.float32)
        for start in range(0, len(self.vectors), BLOCK):
            block = np.asarray(self.vectors[start : start + BLOCK])
            values = np.asarray(queries, np.float32) @ block.T
            here = np.arange(start, start + len(block))
            numbers = np.hstack([numbers, np.tile(here, (len(queries), 1))])
            best = np.hstack([best, values])
            numbers, best = _largest(numbers, best, count)
        return numbers, best


def _largest(
    numbers: np.ndarray, values: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` greatest of every row, falling."""
    if values.shape[1] > 4 * count:
        kept = np.argpartition(-values, count, axis=1)[:, :count]
        kept.sort(axis=1)
        numbers = np.take_along_axis(numbers, kept, 1)
        values = np.take_along_axis(values, kept, 1)
    order = np.argsort(-values, axis=1, kind='stable')[:, :count]
    return (
        np.take_along_axis(numbers, order, 1),
        np.take_along_axis(values, order, 1),
    )


class FaissSearch:
    """An inverted file of FAISS; vectors are added and removed in place.

    A vector is known by a digest of its bytes, so that ``update`` sees what
    is new and what is gone. The lists hold vectors in half precision, half
    the memory; the similarities of those that are found are computed from
    the vectors themselves.

    Args:
        vectors (ndarray): (N, D) float32, unit vectors; may be mapped into
            memory.
        seed (int): Seed of the training, and of the queries that recall is
            measured with.

    Attributes:
        recall (float): Share of the ten nearest of exact search that are
            found, as measured.
    """

    def __init__(self, vectors: np.ndarray, seed: int = 0) -> None:
        self.seed, self.recall = seed, 0.0
        self._index: Any = None  # made by _train
        self._keys = np.zeros(0, np.int64)
        self._train(vectors)
        self.update(vectors)

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self._index.d

    @property
    def lists(self) -> int:
        """Number of lists that the vectors are sorted into."""
        return self._index.nlist

    @property
    def lists_looked_into(self) -> int:
        """How many of them a search reads, for the wanted recall."""
        return self._index.nprobe

    def _train(self, vectors: np.ndarray) -> None:
        """Choose the lists, and empty them."""
        faiss = import_faiss()
        count, width = vectors.shape
        lists = min(max(1, int(LISTS_PER_ROOT * count**0.5)), count)
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(width),
            width,
            lists,
            faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT,
            False,  # the vectors themselves, not their distance to the list
        )
        self._index.cp.seed = self.seed
        self._index.cp.niter = ROUNDS
        rng = np.random.default_rng(self.seed)
        chosen = rng.choice(count, min(count, TRAINING * lists), False)
        self._index.train(np.ascontiguousarray(vectors[np.sort(chosen)]))
        self._trained_on = count

    def update(self, vectors: np.ndarray) -> tuple[int, int]:
        """Hold these vectors from now on, without building anew.

        Args:
            vectors (ndarray): (N, D) float32, unit vectors.

        Returns:
            tuple[int, int]: How many were added and how many removed.
        """
        if len(vectors) > REGROW * self._trained_on:
            self._train(vectors)  # too few lists for so many
        keys = keys_of(vectors)
        held = self._held()
        gone = np.setdiff1d(held, keys)
        if len(gone):
            self._index.remove_ids(gone)
        new = np.flatnonzero(~np.isin(keys, held))
        for start in range(0, len(new), BLOCK):
            rows = new[start : start + BLOCK]
            block = np.ascontiguousarray(vectors[rows], np.float32)
            self._index.add_with_ids(block, keys[rows])
        self._vectors = vectors
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        if len(gone) or len(new):
            self._tune(vectors)
        return len(new), len(gone)

    def _held(self) -> np.ndarray:
        """Keys of all vectors in the lists."""
        faiss = import_faiss()
        lists = self._index.invlists
        found = [
            faiss.rev_swig_ptr(lists.get_ids(k), lists.list_size(k)).copy()
            for k in range(self._index.nlist)
            if lists.list_size(k)
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _tune(self, vectors: np.ndarray) -> None:
        """Look into as many lists as the wanted recall takes."""
        queries = probes(vectors, self.seed)
        truth, _ = ExactSearch(vectors).nearest(queries, 10)
        self._index.nprobe = 1
        while True:
            found, _ = self.nearest(queries, 10)
            hits = (found[:, :, None] == truth[:, None]).any(1)
            self.recall = float(hits.mean())
            if self.recall >= WANTED_RECALL:
                return
            if self._index.nprobe >= self._index.nlist:
                return
            doubled = 2 * self._index.nprobe
            self._index.nprobe = min(doubled, self._index.nlist)

    def nearest(
        self, queries: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``VectorSearch``."""
        queries = np.ascontiguousarray(queries, np.float32)
        values, keys = self._index.search(queries, min(count, len(self)))
        places = np.searchsorted(self._keys, keys)
        rows = self._order[np.minimum(places, len(self._keys) - 1)]
        # FAISS fills up with -1 where the lists looked into hold too few.
        missing = keys < 0
        for query, row, value in zip(queries, rows, values):
            value[:] = self._vectors[row] @ query
        rows[missing], values[missing] = -1, -np.inf
        return _largest(rows, values, rows.shape[1])

    def save(self, path: str | Path) -> None:
        """Write the index, with a checksum beside it."""
        faiss = import_faiss()
        with replacing(path) as beside:
            beside.touch()  # what FAISS raises of a path is no OSError
            faiss.write_index(self._index, str(beside))
            checksum = checksum_of(beside)
        state = dict(
            checksum=checksum,
            trained_on=self._trained_on,
            recall=self.recall,
            seed=self.seed,
        )
        write_json(f'{path}.json', state)

    @classmethod
    def load(cls, path: str | Path) -> FaissSearch:
        """Read what ``save`` wrote; call ``update`` before searching.

        Raises:
            UserError: If it is damaged. (FAISS itself may end the process
                over a damaged file.)
        """
        faiss = import_faiss()
        try:
            state = json.loads(Path(f'{path}.json').read_text())
            if checksum_of(path) != state['checksum']:
                raise UserError(f'{path} is damaged')
            search = cls.__new__(cls)
            search._index = faiss.read_index(str(path))
            search._trained_on = int(state['trained_on'])
            search.recall, search.seed = state['recall'], state['seed']
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f'{path}: {error}') from None
        return search


def choose_search(
    vectors: np.ndarray,
    kind: str = 'auto',
    path: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> VectorSearch:
    """Exact search, or an index where there are very many vectors.

    Args:
        vectors (ndarray): (N, D) float32, unit vectors.
        kind (str): ``exact``, ``faiss``, or ``auto``: FAISS above
            ``EXACT_LIMIT`` vectors, if it is installed.
        path (str | Path): File the index is kept in and grown.
        say (Callable): Takes a sentence on what was chosen.

    Raises:
        UserError: If FAISS is asked for and not installed.
    """
    if kind not in KINDS:
        raise UserError(f'search {kind!r}: write one of {", ".join(KINDS)}')
    many = len(vectors) > EXACT_LIMIT
    if kind == 'exact' or (kind == 'auto' and not many) or not len(vectors):
        return ExactSearch(vectors)
    if kind == 'auto' and not has_faiss():
        say(
            f'{len(vectors)} persons are compared one by one; with FAISS '
            f'that is faster: {INSTALL}'
        )
        return ExactSearch(vectors)
    return _grown(vectors, path, say)


def _grown(
    vectors: np.ndarray, path: str | Path | None, say: Callable[[str], None]
) -> FaissSearch:
    """The index of an earlier call with what has changed since, or a new."""
    search, change = None, (1, 0)
    if path is not None and Path(path).exists():
        try:
            search = FaissSearch.load(path)
            if search.width != vectors.shape[1]:
                raise UserError(f'{path} is of vectors of another length')
            change = search.update(vectors)
        except UserError as error:
            say(f'the index is built again: {error}')
            search = None
    if search is None:
        search = FaissSearch(vectors)
    if path is not None and any(change):
        try:
            search.save(path)
        except OSError as error:  # the folder may be there to read alone
            say(f'the index is not kept, {path}: {error.strerror}')
    say(
        f'FAISS searches {len(vectors)} persons; of the 10 nearest it finds '
        f'{100 * search.recall:.1f} % (measured against exact search)'
    )
    return search


def probes(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """(Q, D) unit vectors near some of the given ones, as queries are."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(vectors), min(PROBES, len(vectors)), False)
    queries = np.array(vectors[np.sort(chosen)], np.float32)
    noise = rng.normal(size=queries.shape)
    queries += NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True)


def keys_of(vectors: np.ndarray) -> np.ndarray:
    """A number for each of (N, D) vectors, by which it is known again.

    Returns:
        ndarray: (N,) int64, not negative and all different; equal vectors
        are numbered by their order.
    """
    keys = np.fromiter(
        (
            int.from_bytes(
                hashlib.blake2b(row.tobytes(), digest_size=8).digest(),
                'little',
            )
            >> 1
            for row in vectors
        ),
        np.int64,
        len(vectors),
    )
    # The same picture again is another person: number the copies.
    order = np.argsort(keys, kind='stable')
    ranked = keys[order]
    starts = np.searchsorted(ranked, ranked)
    copies = np.arange(len(keys)) - starts
    keys[order] = (ranked + copies * COPY) % (1 << 62)
    return keys


def checksum_of(path: str | Path) -> int:
    """CRC-32 of a file."""
    checksum = 0
    with open(path, 'rb') as file:
        while block := file.read(1 << 22):
            checksum = zlib.crc32(block, checksum)
    return checksum


def has_faiss() -> bool:
    """Whether FAISS is installed."""
    return importlib.util.find_spec('faiss') is not None


def import_faiss():
    """The package, or how to get it."""
    try:
        import faiss
    except ImportError:
        raise UserError(
            f'FAISS is not installed: {INSTALL}, or search exactly'
        ) from None
    return faiss
