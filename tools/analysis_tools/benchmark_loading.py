"""Measure how fast annotation files open and what a worker costs.

    benchmark_loading.py                 # 11,206 scenes, and 4 million crops
    benchmark_loading.py --crops 100000

Writes synthetic annotation files of these sizes to a temporary folder, opens
each in a fresh process, and goes through records in forked workers, as a
data loader does. Memory is what a process wrote and shares with no other;
pages of mapped files are the system's cache and may go at any time.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.datasets import PersonSearchDataset, ReIDCropDataset
from mmdet_ps.datasets.crop_index import CropIndex
from mmdet_ps.datasets.native.records import ImageRecord, Split
from mmdet_ps.datasets.native.writing import write_split
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)

# CUHK-SYSU's training set: images, boxes per image, identities.
SCENES, BOXES, IDENTITIES = 11206, 5, 5532
READS = 20000


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--scenes', type=whole_number(1), default=SCENES)
    parser.add_argument('--crops', type=whole_number(1), default=4_000_000)
    parser.add_argument('--workers', type=whole_number(1), default=2)
    return parser.parse_args()


def write_scenes(path: Path, count: int) -> None:
    """A search set: about five boxes per image, every fourth with identity."""
    rng = np.random.default_rng(0)
    records = []
    for k in range(count):
        corners = rng.integers(0, 400, (BOXES, 2))
        boxes = np.hstack(
            [corners, corners + rng.integers(20, 200, (BOXES, 2))]
        )
        ids = np.where(
            rng.random(BOXES) < 0.27, rng.integers(0, IDENTITIES, BOXES), -1
        )
        records.append(
            ImageRecord(
                f'Image/SSM/s{k}.jpg', boxes, ids, width=800, height=600
            )
        )
    split = Split('train', records, IDENTITIES)
    write_split(path, split, 'benchmark', 'benchmark')


def write_crops(path: Path, count: int) -> None:
    """A set of crops without identities, named as in LUPerson."""
    names = (f'{k % 40:02}_{k % 70:02}_{k % 9000:04}_{k:08}'
             for k in range(count))  # fmt: skip
    split = Split('train', [], crops=CropIndex.build(names), storage='lmdb')
    write_split(path, split, 'benchmark', 'benchmark')


def private_mib() -> float:
    """Memory this process wrote and shares with no other, in MiB."""
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()
    kib = next(
        int(line.split()[1])
        for line in lines
        if line.startswith('Private_Dirty')
    )
    return kib / 1024


def read_records(dataset, seed: int, results) -> None:
    """What a worker does: random records; reports growth and speed."""
    rng = np.random.default_rng(seed)
    before, start = private_mib(), time.perf_counter()
    for k in rng.integers(len(dataset), size=READS):
        dataset.get_data_info(int(k))
    seconds = time.perf_counter() - start
    results.put((private_mib() - before, READS / seconds))


def measure(kind: type, path: Path, workers: int, results) -> None:
    """Open a file and read from it; puts the figures into ``results``."""
    before, start = private_mib(), time.perf_counter()
    dataset = kind(
        ann_file=str(path), data_root='', backend_args=dict(backend='local')
    )
    seconds, opened = time.perf_counter() - start, private_mib() - before
    fork = multiprocessing.get_context('fork')
    queue = fork.Queue()
    children = [
        fork.Process(target=read_records, args=(dataset, k, queue))
        for k in range(workers)
    ]
    for child in children:
        child.start()
    growth = [queue.get() for _ in children]
    for child in children:
        child.join()
    results.put(
        dict(
            records=len(dataset),
            file_mib=round(size_mib(path), 1),
            open_seconds=round(seconds, 2),
            memory_mib=round(opened, 1),
            worker_mib=round(max(g for g, _ in growth), 1),
            reads_per_second=round(min(r for _, r in growth)),
        )
    )


def size_mib(path: Path) -> float:
    """Size of an annotation file and the arrays beside it."""
    files = path.parent.glob(f'{path.stem}.*')
    return sum(os.path.getsize(file) for file in files) / 2**20


def main() -> None:
    """Print one row of figures per file."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scenes, crops = Path(folder, 'scenes.json'), Path(folder, 'crops.json')
        write_scenes(scenes, args.scenes)
        write_crops(crops, args.crops)
        os.sync()  # unwritten pages of the files would count as memory
        context = multiprocessing.get_context('fork')
        for kind, path in (
            (PersonSearchDataset, scenes),
            (ReIDCropDataset, crops),
        ):
            results = context.Queue()
            child = context.Process(
                target=measure, args=(kind, path, args.workers, results)
            )
            child.start()
            print(path.stem, json.dumps(results.get()), flush=True)
            child.join()


if __name__ == '__main__':
    run_command(main)
