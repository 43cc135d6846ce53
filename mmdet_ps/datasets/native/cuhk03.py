"""CUHK03 in its original archive, and CUHK03-NP.

The dataset is that of Li et al., "DeepReID" (CVPR 2014), the new protocol
that of Zhong et al., "Re-ranking Person Re-identification with k-reciprocal
Encoding" (CVPR 2017).

The archive is an HDF5 file of image arrays; they are unpacked once into
``images_labeled`` and ``images_detected``, named ``<pair>_<person>_<view>_
<image>.png`` as everywhere else. Both protocols are prepared: the new one
(767 training identities) as ``train`` and ``test``, the classic one (100 test
identities, first of 20 splits) with ``_classic`` behind the name, and both
again for detected boxes with ``_detected`` behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from . import matlab
from .apart import mark_reading
from .errors import REFETCH, NativeDataError
from .files import NativeRoot, list_images
from .market1501 import crop, read_market1501, reid_facts
from .records import ImageRecord, NativeSet, Note, Split, contiguous_ids

KINDS = ('labeled', 'detected')
NAME = re.compile(r'(\d{1,9})_(\d{1,9})_(\d{1,9})_(\d{1,9})\.\w+$')
ARCHIVE = 'cuhk-03.mat'


def read_cuhk03(root: NativeRoot) -> NativeSet:
    """Read both protocols for both kinds of boxes, or the repacked CUHK03-NP.

    Splits are named ``train`` and ``test`` with ``_classic`` and
    ``_detected`` behind, see the module. Those of CUHK03-NP have the new
    protocol alone.
    """
    if root.has('labeled/bounding_box_train'):
        return _read_repack(root)
    for kind in KINDS:
        if root.has(ARCHIVE) and not root.has(f'images_{kind}'):
            raise NativeDataError(
                root.path / ARCHIVE,
                f'its images are not unpacked into images_{kind} yet',
                'prepare once without --dry-run and --verify-only, which '
                'write nothing',
            )
    notes: list[Note] = []
    splits: list[Split] = []
    facts: dict[str, int] = {}
    tests = _classic_tests(root, notes)
    for kind in KINDS:
        ending = '' if kind == 'labeled' else f'_{kind}'
        parts = _new_protocol(root, kind)
        if kind == 'labeled':
            facts = reid_facts(*parts)
        splits += _splits(*parts, ending)
        if tests is not None:
            splits += _splits(
                *_classic_protocol(root, kind, tests, notes),
                f'_classic{ending}',
            )
    return NativeSet(splits, facts, notes)


def _splits(
    train: list, query: list, gallery: list, ending: str
) -> list[Split]:
    labels = contiguous_ids(r.person_ids[0] for r in train)
    for record in train:
        record.person_ids = np.array([labels[int(record.person_ids[0])]])
    return [
        Split(f'train{ending}', train, len(labels)),
        Split(f'test{ending}', query + gallery, 0),
    ]


def _read_repack(root: NativeRoot) -> NativeSet:
    labeled, detected = (
        read_market1501(root, f'{kind}/', has_distractors=False)
        for kind in KINDS
    )
    for split in detected.splits:
        split.name += '_detected'
    return NativeSet(
        labeled.splits + detected.splits,
        labeled.facts,
        labeled.notes + detected.notes,
    )


def _new_protocol(root: NativeRoot, kind: str) -> tuple:
    path = root.file(f'cuhk03_new_protocol_config_{kind}.mat')
    names, ids, train, query, gallery = (
        matlab.load_variable(path, key)
        for key in (
            'filelist',
            'labels',
            'train_idx',
            'query_idx',
            'gallery_idx',
        )
    )
    names = [
        matlab.text(name, f'filelist[{k}]', path)
        for k, name in enumerate(matlab.cells(names))
    ]
    ids = matlab.integers(ids, 'labels', path).ravel()
    parts = []
    for role, rows in (
        ('train', train),
        ('query', query),
        ('gallery', gallery),
    ):
        # The indices are 1-based.
        rows = matlab.integers(rows, f'{role}_idx', path) - 1
        if rows.size and not (
            rows.min() >= 0 and rows.max() < min(len(names), len(ids))
        ):
            raise NativeDataError(
                path,
                f'{role}_idx points beyond the {len(names)} files',
                REFETCH,
            )
        parts.append([])
        for k in rows.ravel():
            match = NAME.match(names[k])
            if match is None:
                raise NativeDataError(
                    path,
                    f'filelist[{k}] is not '
                    f'<pair>_<person>_<view>_<image>.png but {names[k]!r}',
                    REFETCH,
                )
            parts[-1].append(_crop(kind, match, int(ids[k]), role))
    return tuple(parts)


def _crop(
    kind: str, match: re.Match, person_id: int, role: str
) -> ImageRecord:
    return crop(
        f'images_{kind}/{match.string}',
        person_id,
        camera=int(match[3]),
        role=role,
    )


def _classic_protocol(
    root: NativeRoot, kind: str, tests: set, notes: list[Note]
) -> tuple:
    """Train, query (first view) and gallery (second view) of one split."""
    train, query, gallery = [], [], []
    folder = root.folder(f'images_{kind}')
    for name in list_images(folder, notes=notes):
        match = NAME.match(name)
        if match is None:
            where = f'{folder.name}/{name}'
            notes.append(
                Note('name without pair and person', where, 'left out')
            )
            continue
        key = int(match[1]), int(match[2])
        # There are fewer than 1000 persons in each of the five pairs.
        person_id = key[0] * 1000 + key[1]
        if key not in tests:
            train.append(_crop(kind, match, person_id, 'train'))
        elif match[3] == '1':
            query.append(_crop(kind, match, person_id, 'query'))
        else:
            gallery.append(_crop(kind, match, person_id, 'gallery'))
    return train, query, gallery


def _classic_tests(root: NativeRoot, notes: list[Note]) -> set | None:
    """(pair, person) of the test persons of the first classic split."""
    if not root.has(ARCHIVE):
        notes.append(
            Note('no archive, hence no classic protocol', ARCHIVE, 'left out')
        )
        return None
    with _open(root) as archive:
        first = _array(archive, _array(archive, 'testsets').ravel()[0])
        return {(int(pair), int(person)) for pair, person in first.T}


@contextmanager
def _open(root: NativeRoot) -> Iterator:
    """The archive; whatever h5py finds wrong in it is one error.

    A damaged archive can also end the process inside HDF5, so this runs in a
    process of its own (``apart.py``).
    """
    path = root.file(ARCHIVE)
    try:
        import h5py
    except ImportError:
        raise NativeDataError(
            path, 'is an HDF5 file, and h5py is missing', 'pip install h5py'
        ) from None
    mark_reading(path)
    try:
        archive = h5py.File(path, 'r')
    except OSError:
        raise NativeDataError(path, 'is not an HDF5 file', REFETCH) from None
    try:
        with archive:
            yield archive
    except NativeDataError:
        raise
    except Exception as error:  # h5py raises some ten types on damage
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk that is written to
        reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
        raise NativeDataError(
            path, f'is damaged ({reason:.100})', REFETCH
        ) from None


def _array(archive, key) -> np.ndarray:
    """A variable or what a reference points to, in MATLAB's type."""
    return np.asarray(archive[key])


def unpack_cuhk03(root: NativeRoot) -> None:
    """Write the images of the archive into the root, if they are not there.

    A folder appears under its name once it is complete, so that an
    interrupted run is repeated.

    Raises:
        NativeDataError: The archive is missing or damaged, or h5py is not
            installed.
    """
    if root.has('labeled/bounding_box_train') or all(
        root.has(f'images_{kind}') for kind in KINDS
    ):
        return
    with _open(root) as archive:
        for kind in KINDS:
            target = root.path / f'images_{kind}'
            if target.exists():
                continue
            if kind not in archive:
                raise NativeDataError(
                    root.path / ARCHIVE, f'holds no variable {kind}', REFETCH
                )
            beside = target.with_name(f'.{target.name}.part')
            beside.mkdir(exist_ok=True)
            _unpack(archive, kind, beside)
            beside.rename(target)


def _unpack(archive, kind: str, folder: Path) -> None:
    pairs = _array(archive, kind).ravel()
    for pair, reference in enumerate(pairs, 1):
        persons = archive[reference][:].T
        title = f'CUHK03 {kind}, pair {pair}'
        for person, images in enumerate(
            tqdm(persons, desc=title, delay=2, leave=False), 1
        ):
            for number, image in enumerate(images, 1):
                pixels = archive[image][:].T
                # Persons with fewer than 10 images have empty cells.
                if pixels.size and pixels.ndim == 3:
                    view = 1 if number <= 5 else 2
                    name = f'{pair}_{person:03}_{view}_{number:02}.png'
                    Image.fromarray(pixels).save(folder / name)
