"""Whom PRW shows and whom it looks for: identity numbers and queries.

The numbers have their real gaps; ``query_info.txt`` has one query per test
identity and camera.
"""

from dataclasses import dataclass

import numpy as np

from ..build import Build

# 483 training identities; the numbers are not contiguous.
ALL_TRAIN = (*range(1, 479), *range(480, 484), 932)
ALL_TEST = (479, *range(484, 932), 933)
MUST_TRAIN = (1, 2, 478, 480, 483, 932)
MUST_TEST = (479, 484, 931, 933)
ALMOST_60 = 59.99998  # four decimals make it 60.0000: text and mat differ
VARIANTS = {'crlf': '\r\n', 'lf': '\n'}


@dataclass(frozen=True)
class PRWIds:
    """The identities of a set, by their use."""

    train: list[int]
    test: list[int]
    reappearing: list[int]  # training identities seen again in test frames


def _sample(
    rng: np.random.Generator,
    everything: tuple[int, ...],
    must: tuple[int, ...],
    count: int,
) -> list[int]:
    """`count` numbers, the telling ones first to be kept, sorted."""
    rest = [number for number in everything if number not in must]
    free = max(0, count - len(must))
    chosen = rng.choice(rest, min(free, len(rest)), replace=False)
    return sorted([*must[:count], *chosen.tolist()])


def choose_ids(
    rng: np.random.Generator, num_train: int, num_test: int
) -> PRWIds:
    """Numbers out of the original ones, those beside a gap first."""
    train = _sample(rng, ALL_TRAIN, MUST_TRAIN, num_train)
    test = _sample(rng, ALL_TEST, MUST_TEST, num_test)
    again = rng.choice(train, max(2, num_train // 8), replace=False)
    return PRWIds(train, test, sorted(again.tolist()))


def _find_queries(build: Build, frames: list, test_ids: set[int]) -> list:
    """(frame, row) of a random appearance per (identity, camera)."""
    found: dict[tuple[int, int], list] = {}
    for frame in frames:
        for row, tag in enumerate(frame.boxes[:, 0].astype(int).tolist()):
            if tag in test_ids:
                found.setdefault((tag, frame.camera), []).append((frame, row))
    rng = build.rng('queries')
    return [
        places[int(rng.integers(len(places)))]
        for _, places in sorted(found.items(), key=lambda item: item[0])
    ]


def _line(frame, row: int) -> str:
    tag, *box = frame.boxes[row]
    numbers = ' '.join(f'{value:.4f}' for value in box)
    return f'{int(tag)} {numbers} {frame.stem}'


def write_queries(build: Build, frames: list, ids: PRWIds) -> list:
    """Write the text file (CRLF, as the original) and its variants.

    The variants with other line ends lie with the truth, for readers that
    should take all of them.
    """
    queries = _find_queries(build, frames, set(ids.test))
    frame, row = queries[len(queries) // 2]
    frame.boxes[row, 4] = ALMOST_60
    build.truth.add_trap('query text rounds what the mat does not', frame.stem)
    for frame, row in queries:
        if frame.boxes[row, 1] < 0:
            build.truth.add_trap('query with negative x', frame.stem)
    lines = [_line(frame, row) for frame, row in queries]
    path = build.root / 'query_info.txt'
    path.write_bytes(''.join(line + '\r\n' for line in lines).encode())
    build.truth.facts['query_text'] = {
        f'{name}{suffix}': end.join(lines) + last
        for name, end in VARIANTS.items()
        for suffix, last in (('', end), ('-no-last-newline', ''))
    }
    cameras = np.bincount([frame.camera for frame, _ in queries])
    build.truth.facts['queries_per_camera'] = cameras[1:].tolist()
    return queries
