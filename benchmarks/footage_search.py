"""Time and memory of search in footage: many vectors, many pictures.

    python benchmarks/footage_search.py vectors --counts 1000000
    python benchmarks/footage_search.py pictures FOLDER CONFIG CHECKPOINT

``vectors`` searches unit vectors exactly and by FAISS. ``random`` ones have
no neighbours at all, which is the worst there is for an index; ``persons``
are groups of ten around a random look each, as tracks of persons are.
``pictures`` indexes the pictures of a folder, over and over under other
names, until --counts of them are in the gallery. Every case is measured in a
process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from mmdet_ps.apis.footage import Footage, find_footage
from mmdet_ps.apis.vector_search import (
    ExactSearch,
    FaissSearch,
    VectorSearch,
    probes,
)
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)
from mmdet_ps.utils.files import write_json

GROUP = 10  # vectors of one person
LIKENESS = 0.7  # of a vector to the look it is drawn around
NEAREST = 10
BLOCK = 1 << 16
SAY_EVERY = 500  # pictures


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('part', choices=['vectors', 'pictures'])
    parser.add_argument(
        'model',
        nargs='*',
        metavar='FOLDER CONFIG CHECKPOINT',
        help='of the part "pictures"',
    )
    parser.add_argument(
        '--counts',
        type=whole_number(GROUP),
        nargs='+',
        help='of vectors (default: 1000000) or of pictures (5000)',
    )
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=['random', 'persons'],
        default=['random', 'persons'],
    )
    parser.add_argument(
        '--width', type=whole_number(2), default=256, help='of the vectors'
    )
    parser.add_argument('--json', help='write the figures to this file')
    args = parser.parse_args()
    if (args.part == 'pictures') != (len(args.model) == 3):
        parser.error('"pictures" takes FOLDER CONFIG CHECKPOINT, no other')
    return args


def make_vectors(
    kind: str, count: int, width: int, path: Path, seed: int = 0
) -> np.ndarray:
    """(count, width) float32 unit vectors, ``random`` or of ``persons``.

    They are mapped into memory from a file, as those of a gallery are.
    """
    rng = np.random.default_rng(seed)
    shape = (count, width)
    vectors = np.lib.format.open_memmap(path, 'w+', np.float32, shape)
    for start in range(0, count, BLOCK * GROUP):
        block = vectors[start : start + BLOCK * GROUP]
        block[:] = _unit(rng.standard_normal(block.shape, np.float32))
        if kind == 'persons':
            looks = -(-len(block) // GROUP)
            looks = _unit(rng.standard_normal((looks, width), np.float32))
            spread = (1 - LIKENESS**2) ** 0.5
            block *= spread
            block += LIKENESS * np.repeat(looks, GROUP, 0)[: len(block)]
            block[:] = _unit(block)
    vectors.flush()
    return np.load(path, mmap_mode='r')


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measure_vectors(kind: str, count: int, width: int, search: str) -> dict:
    """One row: how long and how much an exact search or an index takes."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / 'vectors.npy'
        vectors = make_vectors(kind, count, width, path)
        return measure_search(vectors, kind, search)


def measure_search(vectors: np.ndarray, kind: str, search: str) -> dict:
    """``measure_vectors`` of vectors that are there."""
    queries = probes(vectors)
    with PeakMemory() as memory:
        started, busy = time.perf_counter(), time.process_time()
        engine: VectorSearch = (
            ExactSearch(vectors) if search == 'exact' else FaissSearch(vectors)
        )
        built = time.perf_counter() - started
        built_cpu = time.process_time() - busy
    seconds = []
    for query in queries[:20]:
        # The time of the process: others may keep the machine busy.
        started = time.process_time()
        engine.nearest(query[None], NEAREST)
        seconds.append(time.process_time() - started)
    row = dict(
        vectors=kind,
        count=len(vectors),
        width=vectors.shape[1],
        search=search,
        build_s=round(built, 1),
        build_cpu_s=round(built_cpu, 1),
        query_cpu_ms=round(1000 * statistics.median(seconds), 1),
        added_mib=round(memory.peak),
        kept_mib=round(memory.kept),
        recall_at_10=1.0,
    )
    if isinstance(engine, FaissSearch):
        row['recall_at_10'] = round(engine.recall, 4)
        row['lists'] = engine.lists
        row['lists_looked_into'] = engine.lists_looked_into
    return row


class PeakMemory:
    """Memory that is added while a block runs, without mapped files.

    The system takes pages of mapped files back when it needs them.

    Attributes:
        peak (float): Most of it, MiB.
        kept (float): What is left at the end, MiB.
    """

    def __enter__(self) -> PeakMemory:
        self._start = self._most = resident(mapped=False)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self._most = max(self._most, resident(mapped=False))

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()
        self.kept = resident(mapped=False) - self._start
        self.peak = max(self._most - self._start, self.kept)


def resident(mapped: bool = True) -> float:
    """Memory that this process holds, with or without mapped files, MiB."""
    _, pages, of_files, *_ = map(
        int, Path('/proc/self/statm').read_text().split()
    )
    if not mapped:
        pages -= of_files
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def measure_pictures(
    folder: str, config: str, checkpoint: str, count: int
) -> list[dict]:
    """A row for every 500 pictures: their time, and the memory held."""
    from mmdet_ps.apis import init_model
    from mmdet_ps.apis.footage_search import index_into

    pictures = find_footage(folder).pictures
    model = init_model(config, checkpoint)
    rows: list[dict] = []
    done, started, busy = 0, time.perf_counter(), time.process_time()

    def note(frames: int) -> None:
        nonlocal done, started, busy
        done += frames
        if done % SAY_EVERY == 0:
            now, cpu = time.perf_counter(), time.process_time()
            each = 1000 * (now - started) / SAY_EVERY
            each_cpu = 1000 * (cpu - busy) / SAY_EVERY
            rows.append(
                dict(
                    pictures=done,
                    ms_each=round(each, 1),
                    cpu_ms_each=round(each_cpu, 1),
                    resident_mib=round(resident()),
                )
            )
            started, busy = now, cpu

    with tempfile.TemporaryDirectory() as place:
        links = []
        for number in range(count):
            path = Path(pictures[number % len(pictures)]).resolve()
            link = Path(place) / f'{number:06d}{path.suffix}'
            link.symlink_to(path)
            links.append(str(link))
        gallery = index_into(
            Path(place) / 'gallery/index.npz',
            model,
            Footage(links),
            progress=note,
        )
        persons = len(gallery)
    for row in rows:
        row['persons_at_the_end'] = persons
    return rows


def alone(measure, *args):
    """Call in a fresh process, whose memory holds nothing else."""
    context = multiprocessing.get_context('spawn')
    with context.Pool(1) as pool:
        return pool.apply(measure, args)


def show(row: dict, with_header: bool) -> None:
    """A row of a markdown table."""
    if with_header:
        print('| ' + ' | '.join(row) + ' |')
        print('|' + '---|' * len(row))
    print('| ' + ' | '.join(map(str, row.values())) + ' |', flush=True)


def main() -> None:
    """Measure, and print a table."""
    args = parse_args()
    rows: list[dict] = []
    if args.part == 'pictures':
        for count in args.counts or [5000]:
            rows += alone(measure_pictures, *args.model, count)
        for number, row in enumerate(rows):
            show(row, number == 0)
    else:
        for count in args.counts or [1_000_000]:
            for kind in args.kinds:
                for search in ('exact', 'faiss'):
                    row = alone(
                        measure_vectors, kind, count, args.width, search
                    )
                    row.setdefault('lists', '')
                    row.setdefault('lists_looked_into', '')
                    show(row, not rows)
                    rows.append(row)
    if args.json:
        write_json(args.json, rows, indent=1)


if __name__ == '__main__':
    run_command(main)
