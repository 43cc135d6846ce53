"""The galleries of CUHK-SYSU as search protocols.

Each query has a gallery of its own, a list of images. ``gallery-100`` is the
protocol papers report; ``gallery-all`` searches all 6978 test images;
``occlusion`` and ``low-resolution`` are the published subsets of the queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmdet_ps.structures import SearchProtocol

from . import cuhk_sysu
from .errors import REFETCH, NativeDataError
from .files import NativeRoot
from .gallery_file import Leaves, OtherLayout, read_leaves

TESTS = 'annotation/test/train_test'
SUBSETS = {
    'occlusion': ('annotation/test/subset/Occlusion.mat', 'Occlusion1'),
    'low-resolution': ('annotation/test/subset/Resolution.mat', 'Test_Size'),
}


@dataclass
class Galleries:
    """Q queries and E gallery entries of one file.

    An image is named by its place in pool.mat.

    Args:
        query_images (np.ndarray): Image of each query, (Q,) int.
        query_boxes (np.ndarray): Box of each query, (Q, 4) float64 xywh,
            pixels.
        offsets (np.ndarray): Query k has the gallery entries from
            ``offsets[k]`` to ``offsets[k + 1]`` - 1, (Q + 1,) int.
        images (np.ndarray): Image of each gallery entry, (E,) int.
        relevant (np.ndarray): Gallery entries that show the person of their
            query, (R,) int, ascending.
        boxes (np.ndarray): Box of the person in those, (R, 4) float64 xywh.
    """

    query_images: np.ndarray
    query_boxes: np.ndarray
    offsets: np.ndarray
    images: np.ndarray
    relevant: np.ndarray
    boxes: np.ndarray


def read_cuhk_sysu_protocols(
    root: NativeRoot, names: Sequence[str] | None
) -> list[SearchProtocol]:
    """Read search protocols of CUHK-SYSU.

    Args:
        root (NativeRoot): The folder of the dataset.
        names (Sequence[str]): Names of the protocols, out of ``PROTOCOLS``;
            None or an empty list reads all that the folder has files for.

    Returns:
        list[SearchProtocol]: In the order of ``names``; by default
        ``gallery-100`` first.

    Raises:
        NativeDataError: A file is missing or damaged, or names an image that
            is not in pool.mat.
    """
    stems = cuhk_sysu.read_pool(root)
    images = [f'{cuhk_sysu.IMAGES}/{stem}' for stem in stems]
    sizes = [100, *(n for n in cuhk_sysu.GALLERY_SIZES if n != 100)]
    files = {
        f'gallery-{size}': (f'{TESTS}/TestG{size}.mat', f'TestG{size}')
        for size in sizes
    }
    first = f'TestG{cuhk_sysu.first_gallery(root)}'
    files['gallery-all'] = (f'{TESTS}/{first}.mat', first)
    files.update(SUBSETS)
    wanted = names or [n for n, (file, _) in files.items() if root.has(file)]
    read: dict[str, Galleries] = {}

    def lists(name: str) -> Galleries:
        file, variable = files[name]
        if file not in read:
            read[file] = read_galleries(root.file(file), variable, stems)
        return read[file]

    protocols = [_protocol(name, images, lists(name)) for name in wanted]
    subsets = [p for p in protocols if p.name in SUBSETS]
    if subsets:
        _share_ids(subsets, lists('gallery-all'))
    return protocols


def read_galleries(path: Path, variable: str, stems: list[str]) -> Galleries:
    """Read the queries and galleries of one file.

    A file laid out as the published ones is read by ``gallery_file.py``, any
    other one in the general way, which takes minutes for the largest file.

    Args:
        path (Path): The MATLAB file.
        variable (str): Name of the struct array in it.
        stems (list[str]): Names of the test images, in the order of pool.mat.

    Raises:
        NativeDataError: The file is damaged, or names an image that is not
            among ``stems``.
    """
    try:
        return _from_leaves(read_leaves(path, variable, stems))
    except OtherLayout:
        searches = cuhk_sysu.read_search_file(path, variable)
        return _from_searches(searches, stems, path)


def _from_leaves(leaves: Leaves) -> Galleries:
    """Put the flat content of a file into its two levels."""
    if not leaves.structures or leaves.structures[0].leaves:
        raise OtherLayout('no list of queries')
    codes, sizes = np.concatenate(leaves.codes), np.concatenate(leaves.sizes)
    top, *inner = leaves.structures
    if sorted(top.fields) != ['Gallery', 'Query']:
        raise OtherLayout(f'fields {top.fields}')
    if len(inner) != 2 * top.count:
        raise OtherLayout('queries without gallery')
    rows = {'Query': [], 'Gallery': []}
    for number, part in enumerate(inner):
        starts = part.leaves + np.arange(part.count) * len(part.fields)
        try:
            name = starts + part.fields.index('imname')
            box = starts + part.fields.index('idlocate')
        except ValueError:
            raise OtherLayout(f'fields {part.fields}') from None
        rows[top.fields[number % 2]].append(np.stack([name, box]))
    query = np.concatenate(rows['Query'], axis=1)
    entry = np.concatenate(rows['Gallery'], axis=1)
    named = np.concatenate([query[0], entry[0]])
    if (
        query.shape[1] != top.count
        or max(named.max(initial=0), entry[1].max(initial=0)) >= len(codes)
        or (codes[named] < 0).any()
        or (sizes[query[1]] != 4).any()
        or not np.isin(sizes[entry[1]], (0, 4)).all()
    ):
        raise OtherLayout('an entry without image or box')
    relevant = np.flatnonzero(sizes[entry[1]] == 4)
    return Galleries(
        codes[query[0]],
        np.array([leaves.boxes[leaf] for leaf in query[1].tolist()]),
        np.cumsum([0, *(part.shape[1] for part in rows['Gallery'])]),
        codes[entry[0]],
        relevant,
        np.array([leaves.boxes[leaf] for leaf in entry[1][relevant].tolist()]),
    )


def _from_searches(
    searches: list[cuhk_sysu.Search], stems: list[str], path: Path
) -> Galleries:
    index = {stem: k for k, stem in enumerate(stems)}

    def place(image: str, query: int) -> int:
        if image not in index:
            raise NativeDataError(
                path, f'image {image} of query {query} is not in pool.mat',
                REFETCH,
            )  # fmt: skip
        return index[image]

    entries = [
        (place(image, k), box)
        for k, search in enumerate(searches)
        for image, box in search.gallery
    ]
    relevant = [k for k, (_, box) in enumerate(entries) if box is not None]
    return Galleries(
        np.array([place(s.image, k) for k, s in enumerate(searches)]),
        np.array([search.box for search in searches]),
        np.cumsum([0, *(len(search.gallery) for search in searches)]),
        np.array([image for image, _ in entries]),
        np.array(relevant, np.int64),
        np.array([entries[k][1] for k in relevant]),
    )


def _protocol(
    name: str, images: list[str], lists: Galleries
) -> SearchProtocol:
    size = name.removeprefix('gallery-')
    if size == 'all':
        size = len(images)
    return SearchProtocol(
        name,
        images,
        lists.query_images,
        np.arange(len(lists.query_images)),
        lists.query_boxes,
        np.searchsorted(lists.relevant, lists.offsets),
        lists.images[lists.relevant],
        lists.boxes,
        scope='all' if name == 'gallery-all' else 'listed',
        gallery_offsets=lists.offsets,
        gallery_images=lists.images,
        gallery_size=None if name in SUBSETS else int(size),
        dataset='cuhk-sysu',
    )


def _share_ids(subsets: list[SearchProtocol], whole: Galleries) -> None:
    """Queries of the subsets take the number they have in the whole list."""

    def places(images: np.ndarray, boxes: np.ndarray) -> list[tuple]:
        rows = zip(images.tolist(), boxes.tolist())
        return [(image, *box) for image, box in rows]

    asked = places(whole.query_images, whole.query_boxes)
    numbers = {place: k for k, place in enumerate(asked)}
    for protocol in subsets:
        own = places(protocol.query_images, protocol.query_boxes)
        protocol.query_ids = np.array(
            [numbers.get(place, len(asked) + k) for k, place in enumerate(own)]
        )
