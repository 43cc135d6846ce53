"""PRW: one annotation matrix per frame, identities with gaps.

The dataset is that of Zheng et al., "Person Re-identification in the Wild"
(CVPR 2017). A frame is named by its stem, such as ``c1s1_001051``.

Boxes stay fractional and unclipped, [x, y, x + w, y + h]: published code
rounds in five incompatible ways, so rounding belongs to the evaluation.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from mmdet_ps.structures.boxes import iou_matrix
from mmdet_ps.structures.fields import UNLABELLED

from . import matlab
from .errors import REFETCH, NativeDataError
from .files import NativeRoot, are_pixels, read_lines
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    contiguous_ids,
    person_facts,
    xywh_to_xyxy,
)

# A file holds one of these; the order is that of all published loaders.
VARIABLES = ('box_new', 'anno_file', 'anno_previous')
AMBIGUOUS = -2
CAMERA = re.compile(r'c(\d+)s\d+_\d+')
# PRW-mini, the 30 queries of query-guided search (QEEPS, Munjal et al., CVPR
# 2019): a network conditioned on the query sees every pair of query and frame,
# so that all 2057 would take too long. Pairs of (person id, frame); the box
# stands in one's own query_info.txt.
PRW_MINI = (
    (484, 'c2s1_159941'), (493, 'c4s3_026629'), (495, 'c2s1_157566'),
    (504, 'c4s3_025379'), (537, 'c2s2_012212'), (559, 'c4s3_037479'),
    (596, 'c2s2_036262'), (601, 'c6s2_050518'), (607, 'c2s2_060532'),
    (617, 'c4s3_063104'), (640, 'c6s2_077843'), (647, 'c4s4_020410'),
    (662, 'c6s2_057368'), (696, 'c6s2_069918'), (703, 'c6s2_072743'),
    (707, 'c5s2_127849'), (713, 'c5s2_083202'), (735, 'c5s2_104727'),
    (751, 'c5s2_105577'), (755, 'c5s2_123749'), (776, 'c3s2_107603'),
    (778, 'c1s4_047481'), (828, 'c1s4_050856'), (832, 'c1s4_053261'),
    (848, 'c1s4_055586'), (862, 'c1s4_060111'), (863, 'c3s2_117519'),
    (871, 'c3s2_119569'), (902, 'c3s2_125219'), (906, 'c3s2_125794'),
)  # fmt: skip


def read_prw(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, both in the order of their file.

    Identities of the training split run from 0 to 482; those of the test
    split keep the numbers of the files, which query_info.txt names as well.
    """
    notes: list[Note] = []
    train_ids = read_ids(root.file('ID_train.mat'), 'ID_train')
    test_ids = read_ids(root.file('ID_test.mat'), 'ID_test2', 'ID_test')
    both = sorted(set(train_ids) & set(test_ids))
    if both:
        raise NativeDataError(
            root.path / 'ID_test.mat',
            f'identities {both[:5]} are also in ID_train.mat',
            REFETCH,
        )
    train = _frames(root, 'train', notes)
    _relabel(train, contiguous_ids(train_ids), notes)
    test = _frames(root, 'test', notes)
    queries = read_queries(root.file('query_info.txt'))
    add_missing_queries(test, queries, root, notes)
    splits = [
        Split('train', train, len(set(train_ids))),
        Split('test', test, len(set(test_ids))),
    ]
    facts = person_facts(splits, notes)
    for split in splits:
        left = [np.trunc(r.boxes[:, 0]) < 0 for r in split.records]
        facts[f'{split.name} boxes left of the image'] = int(
            sum(mask.sum() for mask in left)
        )
    facts.update(_query_facts(test, set(test_ids), queries))
    return NativeSet(splits, facts, notes)


def read_ids(path: Path, *names: str) -> list[int]:
    """Read the identities listed in ID_train.mat or ID_test.mat.

    Args:
        path (Path): The file.
        *names (str): Names the variable may have, most usual one first.
    """
    values = matlab.load_variable(path, *names)
    return matlab.integers(values, names[0], path).ravel().tolist()


def read_frame_names(root: NativeRoot, split: str) -> list[str]:
    """Stems of the frames of a split, in the order of frame_<split>.mat."""
    path = root.file(f'frame_{split}.mat')
    entries = matlab.cells(matlab.load_variable(path, f'img_index_{split}'))
    return [
        matlab.text(stem, f'img_index_{split}[{k}]', path)
        for k, stem in enumerate(entries)
    ]


def read_frame(stem: str, root: Path) -> tuple[np.ndarray, list[str]]:
    """Read the persons of a frame.

    Args:
        stem (str): The frame.
        root (Path): Folder of the dataset.

    Returns:
        tuple: As of :func:`read_rows`, and the names of all variables that
        the file holds.
    """
    path = annotation_path(stem, root)
    return read_rows(stem, root), matlab.variable_names(path)


def annotation_path(stem: str, root: Path) -> Path:
    """The annotation file of a frame."""
    return root / 'annotations' / f'{stem}.jpg.mat'


def read_rows(stem: str, root: Path) -> np.ndarray:
    """Read the persons of a frame.

    Args:
        stem (str): The frame.
        root (Path): Folder of the dataset.

    Returns:
        np.ndarray: A row [identity, x, y, w, h] for each person, (N, 5)
        float64, boxes in pixels. The identity -2 marks a person whom the
        authors could not tell from another one.

    Raises:
        NativeDataError: The file is missing or damaged, or a row is not of
            this form.
    """
    path = annotation_path(stem, root)
    rows = matlab.numbers(
        matlab.load_variable(path, *VARIABLES), 'the annotation matrix', path
    )
    if rows.size == 0:
        return np.zeros((0, 5))
    if rows.ndim != 2 or rows.shape[1] != 5:
        raise NativeDataError(
            path, f'the matrix has shape {rows.shape}, not (N, 5)', REFETCH
        )
    for k, row in enumerate(rows):
        if not are_pixels(row):
            raise NativeDataError(
                path, f'row {k} is not in pixels: {row.tolist()}', REFETCH
            )
    return rows


def _frames(
    root: NativeRoot, split: str, notes: list[Note]
) -> list[ImageRecord]:
    stems = read_frame_names(root, split)
    root.folder('annotations')
    read = root.map(
        partial(read_frame, root=root.path), stems, f'PRW {split} annotations'
    )
    records = []
    for stem, (rows, held) in zip(stems, read):
        both = [name for name in VARIABLES if name in held]
        if len(both) > 1:
            notes.append(
                Note(f'matrices {both} in one file', stem, f'{both[0]} used')
            )
        ids = rows[:, 0].astype(np.int64)
        strange = (ids < 0) & (ids != AMBIGUOUS)
        if strange.any():
            notes.append(
                Note('unknown negative identity', stem, 'taken as unlabelled')
            )
        camera = CAMERA.match(stem)
        records.append(
            ImageRecord(
                f'frames/{stem}.jpg',
                xywh_to_xyxy(rows[:, 1:]),
                np.where(ids < 0, UNLABELLED, ids),
                extra=dict(camera=int(camera[1])) if camera else {},
            )
        )
    return records


def _relabel(
    records: list[ImageRecord], labels: dict[int, int], notes: list[Note]
) -> None:
    for record in records:
        for raw in sorted(
            {int(i) for i in record.person_ids} - set(labels) - {UNLABELLED}
        ):
            notes.append(
                Note(
                    f'identity {raw} is not in ID_train.mat',
                    record.img_path,
                    'taken as unlabelled',
                )
            )
        record.person_ids = np.array(
            [labels.get(int(i), UNLABELLED) for i in record.person_ids],
            np.int64,
        )


def read_queries(path: Path) -> list[tuple[int, np.ndarray, str]]:
    """Read the queries of query_info.txt.

    Args:
        path (Path): The file, with a line ``id x y w h frame`` per query.

    Returns:
        list[tuple[int, np.ndarray, str]]: Of each query the person's
        identity, the box, (4,) float64 xyxy, pixels, and the stem of its
        frame.

    Raises:
        NativeDataError: A line has another form, and is named; or there is
            none.
    """
    queries = []
    for number, line in read_lines(path):
        words = line.split()
        try:
            person_id, stem = int(words[0]), words[5]
            box = np.array([float(w) for w in words[1:5]])
            if len(words) != 6 or not are_pixels(box):
                raise ValueError
        except (ValueError, IndexError):
            raise NativeDataError(
                path,
                f'line {number} is not "id x y w h frame": {line!r}',
                'correct the line or fetch the file again',
            ) from None
        queries.append(
            (person_id, xywh_to_xyxy(box)[0], stem.removesuffix('.jpg'))
        )
    if not queries:
        raise NativeDataError(path, 'names no query', REFETCH)
    return queries


def add_missing_queries(
    records: list[ImageRecord],
    queries: list,
    root: NativeRoot,
    notes: list[Note],
) -> None:
    """Add the queries that have no box in the test set, in place.

    A query has a box where one of the same identity overlaps it by an IoU of
    at least 0.5; the metric counts on there being one.

    Args:
        records (list[ImageRecord]): The test set; changed.
        queries (list): As :func:`read_queries` returns them.
        root (NativeRoot): The folder of the dataset.
        notes (list[Note]): Takes a note for every box that is added.

    Raises:
        NativeDataError: The frame of a query is not in the test set.
    """
    by_stem = {Path(r.img_path).stem: r for r in records}
    for person_id, box, stem in queries:
        record = by_stem.get(stem)
        if record is None:
            raise NativeDataError(
                root.path / 'query_info.txt',
                f'frame {stem} of query {person_id} is not in frame_test.mat',
                REFETCH,
            )
        same = record.boxes[record.person_ids == person_id]
        if not len(same) or iou_matrix(box, same).max() < 0.5:
            record.add(box, person_id)
            notes.append(
                Note(
                    'query without annotated box',
                    f'{stem} id {person_id}',
                    'box added',
                )
            )


def _query_facts(
    test: list[ImageRecord], test_ids: set[int], queries: list
) -> dict[str, int]:
    pairs, labelled, searched = set(), 0, 0
    for record in test:
        for person_id in record.person_ids[record.person_ids >= 0]:
            labelled += 1
            if int(person_id) in test_ids:
                searched += 1
                pairs.add((int(person_id), record.extra.get('camera')))
    return {
        'queries': len(queries),
        '(test id, camera) pairs': len(pairs),
        'test boxes of test ids': searched,
        'test boxes of training ids': labelled - searched,
    }
