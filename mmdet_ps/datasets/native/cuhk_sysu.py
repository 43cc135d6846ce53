"""CUHK-SYSU: boxes in Images.mat, identities in Train.mat and TestG*.mat.

The dataset is that of Xiao et al., "Joint Detection and Identification
Feature Learning for Person Search" (CVPR 2017).

Boxes are used as [x, y, x + w, y + h], like every published method does,
although the files are 1-based and inclusive. Identities are the *position*
of a person in Train.mat or, in the test set, of its query in TestG*.mat.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import matlab
from .errors import REFETCH, NativeDataError
from .files import NativeRoot
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    person_facts,
    xywh_to_xyxy,
)

IMAGES = 'Image/SSM'
GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)
SUBSETS = {'Occlusion': 'Occlusion1', 'Resolution': 'Test_Size'}


@dataclass
class Search:
    """One query of a gallery file and the images it is searched in.

    Args:
        image (str): Name of the image that shows the query.
        box (np.ndarray): Box of the query, (4,) float64 xywh, pixels.
        gallery (list[tuple[str, np.ndarray or None]]): Name of each gallery
            image, and the box of the person in it, (4,) float64 xywh; None
            where the image does not show the person.
    """

    image: str
    box: np.ndarray
    gallery: list[tuple[str, np.ndarray | None]] = field(default_factory=list)


def read_cuhk_sysu(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one as pool.mat orders it.

    Identities of the training split run from 0 to 5531. In the test split a
    person has the number of its query; everybody else is unlabelled.
    """
    notes: list[Note] = []
    boxes = read_images(root, notes)
    pool = read_pool(root)
    searches = read_searches(root, first_gallery(root))
    train = sorted(boxes.keys() - set(pool))
    marked = {name: np.full(len(rows), -1) for name, rows in boxes.items()}
    num_identities = mark_training(root, boxes, marked, notes)
    mark_test(searches, boxes, marked, notes)
    splits = [
        Split('train', _records(train, boxes, marked), num_identities),
        Split('test', _records(pool, boxes, marked), len(searches)),
    ]
    facts = person_facts(splits, notes)
    errors = gallery_errors(searches)
    notes += errors
    facts['galleries with an image twice'] = len(
        {n.where for n in errors if 'listed twice' in n.what}
    )
    facts['galleries with the query image'] = sum(
        'own gallery' in n.what for n in errors
    )
    facts['test queries'] = len(searches)
    facts.update(_subset_facts(root))
    return NativeSet(splits, facts, notes)


def read_images(root: NativeRoot, notes: list[Note]) -> dict[str, np.ndarray]:
    """Read the boxes of all persons of all images out of Images.mat.

    Args:
        root (NativeRoot): The folder of the dataset.
        notes (list[Note]): Takes a note for every box without area, which is
            dropped, and for every image that is listed twice.

    Returns:
        dict[str, np.ndarray]: Name of an image -> its boxes, (N, 4) float64
        xywh, pixels.

    Raises:
        NativeDataError: The file is missing or damaged; the entry is named.
    """
    path = root.file('annotation/Images.mat')
    images: dict[str, np.ndarray] = {}
    img = matlab.load_variable(path, 'Img')
    for k, entry in enumerate(matlab.structs(img, 'Img', path)):
        where = f'Img[{k}]'
        name = matlab.text(
            matlab.field(entry, 'imname', where, path), f'{where}.imname', path
        )
        where = f'{where} ({name})'
        people = matlab.field(entry, 'box', where, path)
        rows = _boxes(people, where, path, notes)
        if name in images:
            notes.append(
                Note('image listed twice in Images.mat', name, 'boxes joined')
            )
            rows = np.unique(np.vstack([images[name], rows]), axis=0)
        images[name] = rows
    return images


def _boxes(
    people: np.ndarray, where: str, path, notes: list[Note]
) -> np.ndarray:
    rows = []
    if np.asarray(people).size:
        for n, person in enumerate(matlab.structs(people, where, path)):
            spot = f'{where}.box[{n}]'
            box = matlab.xywh_box(
                matlab.field(person, 'idlocate', spot, path), spot, path
            )
            if box is None or min(box[2:]) <= 0:
                notes.append(Note('box without area', spot, 'dropped'))
            else:
                rows.append(box)
    return np.array(rows, np.float64).reshape(-1, 4)


def read_pool(root: NativeRoot) -> list[str]:
    """Names of the test images in the order of pool.mat.

    Results files of published code hold their images in this order.

    Raises:
        NativeDataError: The file is missing, empty, or names an image twice.
    """
    path = root.file('annotation/pool.mat')
    pool = matlab.cells(matlab.load_variable(path, 'pool'))
    names = [
        matlab.text(name, f'pool[{k}]', path) for k, name in enumerate(pool)
    ]
    if not names or len(set(names)) < len(names):
        raise NativeDataError(
            path, 'names no image, or one of them twice', REFETCH
        )
    return names


def first_gallery(root: NativeRoot) -> int:
    """The smallest gallery size whose file TestG<size>.mat is there."""
    names = [f'annotation/test/train_test/TestG{n}.mat' for n in GALLERY_SIZES]
    path = root.file(*names)
    return int(path.stem.removeprefix('TestG'))


def read_searches(root: NativeRoot, size: int) -> list[Search]:
    """Read the queries of TestG<size>.mat with their galleries."""
    path = root.file(f'annotation/test/train_test/TestG{size}.mat')
    return read_search_file(path, f'TestG{size}')


def read_search_file(path: Path, variable: str) -> list[Search]:
    """Read the queries of any file of that form with their galleries.

    Args:
        path (Path): The MATLAB file.
        variable (str): Name of the struct array in it, with the fields
            ``Query`` and ``Gallery``.

    Raises:
        NativeDataError: The file is damaged, or an entry has no query, more
            than one, or one without box; the entry is named.
    """
    entries = matlab.load_variable(path, variable)
    searches = []
    for k, entry in enumerate(matlab.structs(entries, variable, path)):
        where = f'{variable}[{k}].Query'
        found = matlab.field(entry, 'Query', where, path)
        queries = list(matlab.structs(found, where, path))
        if len(queries) != 1:
            raise NativeDataError(
                path, f'{where} holds {len(queries)} queries', REFETCH
            )
        name, box = _place(queries[0], where, path)
        if box is None:
            raise NativeDataError(path, f'{where} has no box', REFETCH)
        where = f'{variable}[{k}].Gallery'
        gallery = matlab.field(entry, 'Gallery', where, path)
        searches.append(
            Search(
                name,
                box,
                [
                    _place(item, f'{where}[{n}]', path)
                    for n, item in enumerate(
                        matlab.structs(gallery, where, path)
                    )
                ],
            )
        )
    return searches


def _place(entry: np.void, where: str, path) -> tuple:
    name = matlab.text(
        matlab.field(entry, 'imname', where, path), f'{where}.imname', path
    )
    located = matlab.field(entry, 'idlocate', where, path)
    return name, matlab.xywh_box(located, f'{where}.idlocate', path)


def mark_training(
    root: NativeRoot, boxes: dict, marked: dict, notes: list[Note]
) -> int:
    """Write the identities of Train.mat into ``marked``, in place.

    Args:
        root (NativeRoot): The folder of the dataset.
        boxes (dict[str, np.ndarray]): Boxes of each image, (N, 4) xywh.
        marked (dict[str, np.ndarray]): Identities of each image, (N,) int64,
            -1 where unlabelled; changed.
        notes (list[Note]): Takes a note for every box that Images.mat lacks.

    Returns:
        int: Number of identities in Train.mat.
    """
    path = root.file('annotation/test/train_test/Train.mat')
    train = matlab.load_variable(path, 'Train')
    count = 0
    for k, person in enumerate(matlab.structs(train, 'Train', path)):
        where = f'Train[{k}].scene'
        scenes = matlab.field(person, 'scene', where, path)
        for n, scene in enumerate(matlab.structs(scenes, where, path)):
            name, box = _place(scene, f'{where}[{n}]', path)
            if not mark(boxes, marked, name, box, k):
                notes.append(
                    Note(
                        'training box not in Images.mat',
                        f'{where}[{n}] ({name})',
                        'left out',
                    )
                )
        count += 1
    return count


def mark_test(
    searches: list[Search], boxes: dict, marked: dict, notes: list[Note]
) -> None:
    """Give the boxes of query and gallery the number of their query, in place.

    Args:
        searches (list[Search]): The queries; their place is their number.
        boxes (dict[str, np.ndarray]): Boxes of each image, (N, 4) xywh. The
            box of a query that Images.mat lacks is added.
        marked (dict[str, np.ndarray]): Identities of each image, (N,) int64,
            -1 where unlabelled; changed.
        notes (list[Note]): Takes a note for every box that Images.mat lacks.
    """
    for k, search in enumerate(searches):
        if not mark(boxes, marked, search.image, search.box, k):
            rows = boxes.get(search.image, np.zeros((0, 4)))
            boxes[search.image] = np.vstack([rows, search.box])
            marked[search.image] = np.append(
                marked.get(search.image, np.zeros(0, np.int64)), k
            )
            notes.append(
                Note(
                    'query box not in Images.mat',
                    f'query {k} ({search.image})',
                    'box added',
                )
            )
        for name, box in search.gallery:
            if box is not None and not mark(boxes, marked, name, box, k):
                notes.append(
                    Note(
                        'gallery box not in Images.mat',
                        f'query {k} ({name})',
                        'left out',
                    )
                )


def mark(
    boxes: dict,
    marked: dict,
    name: str,
    box: np.ndarray | None,
    person_id: int,
) -> bool:
    """Give a box of an image its identity, in place.

    It is the first box that equals the given one in whole pixels.

    Args:
        boxes (dict[str, np.ndarray]): Boxes of each image, (N, 4) xywh.
        marked (dict[str, np.ndarray]): Identities of each image, (N,) int64;
            changed.
        name (str): Name of the image.
        box (np.ndarray): Box to look for, (4,) xywh; None finds nothing.
        person_id (int): The identity.

    Returns:
        bool: Whether the image has such a box.
    """
    if name not in boxes or box is None:
        return False
    equal = np.flatnonzero(
        (boxes[name].astype(np.int32) == box.astype(np.int32)).all(axis=1)
    )
    if len(equal) == 0:
        return False
    marked[name][equal[0]] = person_id
    return True


def gallery_errors(searches: list[Search]) -> list[Note]:
    """Note images listed twice in a gallery, and galleries with the query.

    Both are known errors of the published files; nothing is changed here.
    """
    notes = []
    for k, search in enumerate(searches):
        present = [name for name, box in search.gallery if box is not None]
        for name in sorted({n for n in present if present.count(n) > 1}):
            same = {
                tuple(box)
                for n, box in search.gallery
                if n == name and box is not None
            }
            kind = 'the same box' if len(same) == 1 else 'different boxes'
            notes.append(
                Note(
                    f'gallery image listed twice, {kind}',
                    f'query {k} ({name})',
                    'the metric decides',
                )
            )
        own = [box for n, box in search.gallery if n == search.image]
        if own:
            same = own[0] is not None and (own[0] == search.box).all()
            kind = 'with the query box' if same else 'with another box'
            notes.append(
                Note(
                    f'query image in its own gallery, {kind}',
                    f'query {k} ({search.image})',
                    'kept, as published',
                )
            )
    return notes


def _records(names: list[str], boxes: dict, marked: dict) -> list:
    nothing = np.zeros((0, 4))
    return [
        ImageRecord(
            f'{IMAGES}/{name}',
            xywh_to_xyxy(boxes.get(name, nothing)),
            marked.get(name, np.zeros(0)),
        )
        for name in names
    ]


def _subset_facts(root: NativeRoot) -> dict[str, int]:
    facts = {}
    for stem, variable in SUBSETS.items():
        relative = f'annotation/test/subset/{stem}.mat'
        if root.has(relative):
            entries = matlab.load_variable(root.path / relative, variable)
            facts[f'{stem.lower()} queries'] = int(np.size(entries))
    if root.has('annotation/Person.mat'):
        people = matlab.load_variable(
            root.file('annotation/Person.mat'), 'Person'
        )
        facts['persons in Person.mat'] = int(np.size(people))
    for size in GALLERY_SIZES:
        relative = f'annotation/test/train_test/TestG{size}.mat'
        facts[f'TestG{size}.mat'] = int(root.has(relative))
    return facts
