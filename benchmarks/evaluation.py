"""Speed and memory of the search evaluator on problems of published size.

Random embeddings and boxes with the numbers of images, persons, queries and
detections of PRW and CUHK-SYSU, and a gallery of a million detections:

    python benchmarks/evaluation.py [prw] [cuhk-sysu] [million]
"""

import argparse
import os
import resource
import statistics
import time

import numpy as np

from mmdet_ps.evaluation.report import format_table
from mmdet_ps.evaluation.search import SearchScores, rank_all
from mmdet_ps.evaluation.settings import SearchSettings
from mmdet_ps.structures import PersonBoxes, SearchProtocol, SearchResults
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)

DIMS = 256


def simulate(rng, images, detections, persons, shown, noise):
    """Detections with embeddings, and who is where.

    Args:
        rng: Random numbers.
        images: Number of images.
        detections: Number of detections, spread over the images.
        persons: Number of identities.
        shown: Boxes of a known identity, among the detections.
        noise: Of an embedding around its person's.
    """
    image_of = np.sort(rng.integers(0, images, detections))
    corner = rng.uniform(0, 1000, (detections, 2))
    boxes = np.hstack([corner, corner + rng.uniform(40, 200, (detections, 2))])
    ids = np.full(detections, -1)
    ids[rng.choice(detections, shown, replace=False)] = rng.integers(
        0, persons, shown
    )
    embeddings = rng.standard_normal((detections, DIMS), np.float32)
    known = ids >= 0
    centres = rng.standard_normal((persons, DIMS), np.float32)
    embeddings[known] = centres[ids[known]] + noise * embeddings[known]
    people = PersonBoxes(
        boxes.astype(np.float32),
        np.searchsorted(image_of, np.arange(images + 1)),
        {'default': embeddings},
    )
    return people, image_of, ids


def protocol_of(people, image_of, ids, queries, cameras=None, limit=None):
    """Every image but the query's is searched for the query's identity."""
    by_id = {person: [] for person in set(ids[queries].tolist())}
    for row in np.flatnonzero(ids >= 0):
        by_id.get(int(ids[row]), []).append(row)
    relevant = []
    for query in queries:
        rows = np.array(by_id[int(ids[query])])
        rows = rows[image_of[rows] != image_of[query]]
        _, first = np.unique(image_of[rows], return_index=True)
        relevant.append(rows[first][:limit])
    flat = np.concatenate(relevant)
    boxes = people.bboxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return SearchProtocol(
        'standard',
        [f'{k}.jpg' for k in range(people.num_images)],
        image_of[queries],
        ids[queries],
        boxes[queries],
        np.concatenate([[0], np.cumsum([len(rows) for rows in relevant])]),
        image_of[flat],
        boxes[flat],
        image_groups=cameras,
    )


def listed(rng, base, size):
    """The same queries with galleries of ``size`` images."""
    galleries = []
    for query in range(base.num_queries):
        relevant = base.relevant_images[base.relevant(query)]
        others = rng.choice(len(base.images), size + len(relevant) + 1, False)
        own = base.query_images[query]
        others = others[~np.isin(others, relevant) & (others != own)]
        galleries.append(
            np.concatenate([relevant, others])[: max(size, len(relevant))]
        )
    return SearchProtocol(
        f'gallery-{size}',
        base.images,
        base.query_images,
        base.query_ids,
        base.query_boxes,
        base.relevant_offsets,
        base.relevant_images,
        base.relevant_boxes,
        scope='listed',
        gallery_offsets=np.concatenate(
            [[0], np.cumsum([len(rows) for rows in galleries])]
        ),
        gallery_images=np.concatenate(galleries),
        gallery_size=size,
    )


def prw(rng):
    """2057 queries, 6112 frames, 35 000 detections; three protocols."""
    people, image_of, ids = simulate(rng, 6112, 35000, 450, 16344, 2.5)
    queries = rng.choice(np.flatnonzero(ids >= 0), 2057, replace=False)
    cameras = rng.integers(1, 7, 6112)
    base = protocol_of(people, image_of, ids, queries, cameras)
    return people, [
        base,
        base.with_scope('other-group', 'cross-camera'),
        base.subset(np.arange(30), 'mini'),
    ]


def cuhk_sysu(rng):
    """2900 queries, 6978 images, 40 000 detections; six gallery sizes."""
    people, image_of, ids = simulate(rng, 6978, 40000, 2900, 8345, 1.5)
    queries = np.unique(ids, return_index=True)[1][1:]
    queries = np.resize(queries, 2900)
    base = protocol_of(people, image_of, ids, queries, limit=13)
    return people, [
        listed(rng, base, size) for size in (50, 100, 500, 1000, 2000, 4000)
    ]


def million(rng):
    """2900 queries, 1 000 000 detections in 180 000 images, full gallery."""
    people, image_of, ids = simulate(rng, 180000, 10**6, 2900, 8345, 1.5)
    queries = np.unique(ids, return_index=True)[1][1:]
    queries = np.resize(queries, 2900)
    return people, [protocol_of(people, image_of, ids, queries, limit=13)]


PROBLEMS = {'prw': prw, 'cuhk-sysu': cuhk_sysu, 'million': million}


def main() -> None:
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('problems', nargs='*', choices=[*PROBLEMS, []])
    parser.add_argument('--repeats', type=whole_number(1), default=3)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    settings = SearchSettings(
        score_thr=0.0, query_embedding='matched-detection'
    )
    rows = []
    for name in args.problems or ['prw', 'cuhk-sysu']:
        people, protocols = PROBLEMS[name](np.random.default_rng(0))
        walls, busy = [], []
        for _ in range(args.repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            table = rank_all(
                protocols, SearchResults(people), settings, device=args.device
            )
            scores = [
                SearchScores.of(found).means() for found in table.values()
            ]
            walls.append(time.perf_counter() - wall)
            busy.append(time.process_time() - cpu)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            [
                name,
                ' '.join(protocol.name for protocol in protocols),
                str(len(people)),
                f'{statistics.median(walls):.1f}',
                f'{statistics.median(busy):.1f}',
                f'{peak:.2f}',
                f'{100 * scores[0]["mAP"]:.1f}',
            ]
        )
    cores = len(os.sched_getaffinity(0))
    print(f'{cores} cores, {args.device}, {DIMS}-d, median of {args.repeats}')
    print(
        format_table(
            ['problem', 'protocols', 'detections', 'seconds', 'CPU seconds',
             'peak GiB', 'mAP'],
            rows,
        )
    )  # fmt: skip


if __name__ == '__main__':
    run_command(main)
