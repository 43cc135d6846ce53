"""The search protocols of a native folder.

``read_protocols(dataset, root)`` reads CUHK-SYSU, PRW and PoseTrack21; the
first protocol of each list is the one papers report.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mmdet_ps.structures import SearchProtocol, save_protocols

from . import posetrack21, prw
from .apart import read_apart
from .cuhk_sysu_protocols import read_cuhk_sysu_protocols
from .errors import REFETCH, NativeDataError
from .files import NativeRoot

PROTOCOLS = {
    'cuhk-sysu': (
        'gallery-100',
        'gallery-50',
        'gallery-500',
        'gallery-1000',
        'gallery-2000',
        'gallery-4000',
        'gallery-all',
        'occlusion',
        'low-resolution',
    ),
    'prw': ('standard', 'cross-camera', 'same-camera', 'mini'),
    'posetrack21': ('standard', 'other-video'),
}
# Frame sizes of PRW, (width, height): camera 6 records in PAL.
PRW_FRAME, PRW_CAMERA_6 = (1920, 1080), (720, 576)
# Group of images that are in no gallery.
OUTSIDE = -1
PROTOCOL_FILE = 'protocol.npz'


def read_protocols(
    dataset: str, root: str | Path | NativeRoot, names: Sequence[str] = None
) -> list[SearchProtocol]:
    """Protocols of a native folder.

    Args:
        dataset: ``cuhk-sysu``, ``prw`` or ``posetrack21``.
        root: The native folder.
        names: Names out of ``PROTOCOLS``; by default every protocol the
            folder has the files (and PRW-mini's queries) for, but for
            PoseTrack21's ``other-video``, which has to be named.

    Returns:
        list[SearchProtocol]: In the order of ``names``, else of
        ``PROTOCOLS``.

    Raises:
        NativeDataError: The dataset or a protocol is unknown, or a file is
            missing or damaged.
    """
    if dataset not in PROTOCOLS:
        raise NativeDataError(
            root,
            f'no search protocol of {dataset!r} is known',
            f'protocols are known of {", ".join(PROTOCOLS)}',
        )
    for name in names or ():
        if name not in PROTOCOLS[dataset]:
            raise NativeDataError(
                root,
                f'{dataset} has no protocol {name!r}',
                f'it has {", ".join(PROTOCOLS[dataset])}',
            )
    if not isinstance(root, NativeRoot):
        root = NativeRoot(root, f'the authors of {dataset}')
    return read_apart(READERS[dataset], root, names)


def write_protocol(dataset: str, root: str | Path, out: Path) -> list[str]:
    """Write the protocols of a native folder into ``protocol.npz``.

    Args:
        dataset (str): As of :func:`read_protocols`.
        root (str or Path): The native folder.
        out (Path): Folder to write to.

    Returns:
        list[str]: Names of the files written.
    """
    save_protocols(Path(out) / PROTOCOL_FILE, read_protocols(dataset, root))
    return [PROTOCOL_FILE]


def _read_prw(root: NativeRoot, names: Sequence[str] | None) -> list:
    stems = prw.read_frame_names(root, 'test')
    root.folder('annotations')
    frames = root.map(
        partial(prw.read_rows, root=root.path), stems, 'PRW test annotations'
    )
    index = {stem: k for k, stem in enumerate(stems)}
    path = root.file('query_info.txt')
    queries = prw.read_queries(path)
    for person_id, _, stem in queries:
        if stem not in index:
            raise NativeDataError(
                path,
                f'frame {stem} of query {person_id} is not in frame_test.mat',
                REFETCH,
            )
    cameras = [_camera(stem, root) for stem in stems]
    base = _from_boxes(
        'standard',
        'prw',
        [f'frames/{stem}.jpg' for stem in stems],
        [
            (index[stem], person_id, exact_xywh(box))
            for person_id, box, stem in queries
        ],
        [rows[:, 1:] for rows in frames],
        [rows[:, 0].astype(np.int64) for rows in frames],
        image_groups=cameras,
        image_sizes=[
            PRW_CAMERA_6 if camera == 6 else PRW_FRAME for camera in cameras
        ],
    )
    made = {
        'standard': base,
        'cross-camera': base.with_scope('other-group', 'cross-camera'),
        'same-camera': base.with_scope('same-group', 'same-camera'),
    }
    mini = _mini_rows(queries)
    if mini is not None:
        made['mini'] = base.subset(mini, 'mini')
    elif 'mini' in (names or ()):
        raise NativeDataError(
            path,
            'lacks queries of PRW-mini',
            'it takes the published list of 2057 queries',
        )
    return _named(made, names)


def _camera(stem: str, root: NativeRoot) -> int:
    match = prw.CAMERA.match(stem)
    if match is None:
        raise NativeDataError(
            root.path / 'frame_test.mat',
            f'frame {stem} is not named c<camera>s<n>_<n>',
            REFETCH,
        )
    return int(match[1])


def _mini_rows(queries: list) -> list[int] | None:
    rows = {
        (person_id, stem): k for k, (person_id, _, stem) in enumerate(queries)
    }
    found = [rows.get(pair) for pair in prw.PRW_MINI]
    return None if None in found else found


def _read_posetrack21(root: NativeRoot, names: Sequence[str] | None) -> list:
    folder = posetrack21.FOLDER
    gallery = posetrack21.read_scenes(root.file(f'{folder}/val.json'), [])
    inside = len(gallery)
    asked = posetrack21.read_queries(root.file(f'{folder}/query.json'), [])
    posetrack21.add_missing_queries(gallery, asked, [])
    images = [record.img_path for record in gallery]
    index = {image: k for k, image in enumerate(images)}
    videos = {}
    groups = [
        videos.setdefault(str(Path(image).parent), len(videos))
        for image in images
    ]
    groups[inside:] = [OUTSIDE] * (len(images) - inside)
    base = _from_boxes(
        'standard',
        'posetrack21',
        images,
        [
            (index[record.img_path], int(person_id), exact_xywh(box))
            for record in asked
            for box, person_id in zip(record.boxes, record.person_ids)
            if person_id >= 0
        ],
        [exact_xywh(record.boxes[~record.ignored]) for record in gallery],
        [record.person_ids[~record.ignored] for record in gallery],
        image_groups=groups,
    )
    made = {'standard': base}
    if 'other-video' in (names or ()):
        made['other-video'] = base.with_scope('other-group', 'other-video')
    return _named(made, names)


def _from_boxes(
    name: str,
    dataset: str,
    images: list[str],
    queries: list,
    boxes: list[np.ndarray],
    person_ids: list[np.ndarray],
    **more,
) -> SearchProtocol:
    """A protocol whose relevant entries are the boxes of the query's id.

    Args:
        name, dataset, images: Of the protocol.
        queries: (image, person id, xywh box) of each query.
        boxes: (n, 4) xywh of each image.
        person_ids: (n,) of each image, negative where unknown.
        more: Further fields of the protocol.
    """
    image_of = np.repeat(np.arange(len(images)), [len(b) for b in boxes])
    ids = np.concatenate(person_ids) if len(images) else np.zeros(0)
    flat = np.concatenate(boxes) if len(images) else np.zeros((0, 4))
    order = np.argsort(ids, kind='stable')
    edges = np.searchsorted(ids[order], [[q[1], q[1] + 1] for q in queries])
    entries, counts = [], []
    for (image, _, _), (start, stop) in zip(queries, edges.reshape(-1, 2)):
        rows = order[start:stop]
        rows = rows[image_of[rows] != image]
        _, first, count = np.unique(
            image_of[rows], return_index=True, return_counts=True
        )
        entries.append(rows[first])
        counts.append(count)
    chosen = np.concatenate(entries).astype(np.int64)
    return SearchProtocol(
        name,
        images,
        [image for image, _, _ in queries],
        [person_id for _, person_id, _ in queries],
        np.array([box for _, _, box in queries]),
        offsets_of(entries),
        image_of[chosen],
        flat[chosen],
        np.concatenate(counts),
        dataset=dataset,
        **more,
    )


def offsets_of(rows: Sequence) -> np.ndarray:
    """Where each of N lists begins once all are joined, and the end.

    Returns:
        np.ndarray: (N + 1,) int, from 0 to the sum of the lengths.
    """
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])])


def exact_xywh(corners: np.ndarray) -> np.ndarray:
    """Boxes xyxy as xywh, such that x + w is exactly the given corner again.

    A difference of two numbers is rounded, so that adding it may miss the
    corner by the last digit; the extent is corrected by what is missed.

    Args:
        corners (np.ndarray): (..., 4) float64 xyxy.

    Returns:
        np.ndarray: (..., 4) float64 xywh.
    """
    low, high = corners[..., :2], corners[..., 2:]
    extent = high - low
    extent = extent + (high - (low + extent))
    return np.concatenate([low, extent], axis=-1)


def _named(
    made: dict[str, SearchProtocol], names: Sequence[str] | None
) -> list[SearchProtocol]:
    return [made[name] for name in (names or made)]


READERS = {
    'cuhk-sysu': read_cuhk_sysu_protocols,
    'prw': _read_prw,
    'posetrack21': _read_posetrack21,
}
