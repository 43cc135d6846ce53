"""Pictures out of labelled video: the labelled frames, and crops by track.

Frames of a video are decoded once, into JPEG files in the output folder.
Training reads images in any order, and a compressed video cannot be read so:
it would be decoded from a key frame for every image, and seeking by number
misses by some frames in many codecs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmdet_ps.utils.files import write_json
from mmdet_ps.utils.images import read_image, write_image
from mmdet_ps.utils.videos import VideoReader

from .errors import NativeDataError
from .files import NativeRoot
from .market1501 import crop
from .mot import DEFAULTS, MotOptions
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    contiguous_ids,
    count_facts,
)

FRAMES, CROPS = 'frames', 'crops'
SOURCE = 'source.json'  # in a folder of frames; which video they are from
LEAST_INSIDE = 0.5  # share of a box in the picture for a usable crop


def extract_pictures(
    native: NativeSet,
    root: NativeRoot,
    out: Path | None,
    options: MotOptions = DEFAULTS,
) -> None:
    """Write the labelled frames of videos, and crops of their persons.

    Args:
        native (NativeSet): What :func:`read_mot` returned; changed in place.
            Records of frames inside a video get the name of the file that
            was written, those of frames that cannot be decoded are dropped.
            A split ``crops`` is added, made of the training split.
        root (NativeRoot): The folder that holds the sequences.
        out (Path): Output folder; None looks at the videos without writing
            anything, and adds no crops.
        options (MotOptions): Which crops are taken.

    Raises:
        NativeDataError: A picture cannot be decoded; it is named.
    """
    records = [r for split in native.splits for r in split.records]
    videos: dict[str, list[ImageRecord]] = {}
    for record in records:
        if record.in_video:
            video = record.img_path.rpartition('#')[0]
            videos.setdefault(video, []).append(record)
    lost: set[int] = set()
    for video, wanted in videos.items():
        lost |= _extract_video(root, video, wanted, out, native.notes)
    for split in native.splits:
        split.records = [r for r in split.records if id(r) not in lost]
        if lost:
            counts = count_facts(split)
            native.facts.update(
                {f'{split.name} {key}': n for key, n in counts.items()}
            )
    if out is not None:
        native.splits.append(
            cut_crops(native.split('train').records, root, out, options)
        )
        native.facts['crops'] = len(native.splits[-1].records)
        native.facts['crop ids'] = native.splits[-1].num_identities


def _extract_video(
    root: NativeRoot,
    video: str,
    records: list[ImageRecord],
    out: Path | None,
    notes: list[Note],
) -> set[int]:
    """Write the frames of one video; the ``id`` of records without one."""
    name = records[0].extra['video']
    by_frame = {record.extra['frame']: record for record in records}
    folder = None if out is None else out / FRAMES / name
    if folder is not None:
        _empty_unless_of(folder, root.path / video)
    for frame, image in _frames(root.path / video, by_frame, folder, name):
        record = by_frame.pop(frame)
        if folder is None:
            continue
        path = folder / f'{frame:06d}.jpg'
        if image is not None:
            write_image(path, image[..., ::-1])
        record.img_path = place(path, root)
        record.in_video = False
    for frame in by_frame:
        notes.append(
            Note(
                'labelled frame that cannot be decoded',
                f'{video} frame {frame}',
                'left out',
            )
        )
    return {id(record) for record in by_frame.values()}


def _frames(
    video: Path,
    wanted: dict[int, ImageRecord],
    folder: Path | None,
    title: str,
) -> Iterator[tuple[int, np.ndarray | None]]:
    """(frame counted from 1, BGR image); no image where the file is there."""
    have = set()
    if folder is not None:
        have = {frame for frame in wanted if _file(folder, frame).is_file()}
        yield from ((frame, None) for frame in sorted(have))
    left = set(wanted) - have
    bar = tqdm(total=len(left), desc=f'{title} frames', delay=2, leave=False)
    with VideoReader(video) as reader, bar:
        while left and reader.advance():
            frame = reader.index + 1
            image = reader.picture() if frame in left else None
            if image is not None:
                left.discard(frame)
                bar.update()
                yield frame, image


def _file(folder: Path, frame: int) -> Path:
    return folder / f'{frame:06d}.jpg'


def _empty_unless_of(folder: Path, video: Path) -> None:
    """Keep the frames of an earlier run on the same video, no others."""
    state = os.stat(video)
    mark = dict(name=video.name, size=state.st_size, time=state.st_mtime_ns)
    try:
        if json.loads((folder / SOURCE).read_text()) == mark:
            return
    except (OSError, ValueError):
        pass  # nothing there, or an interrupted run of another release
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / SOURCE, mark)


def place(path: Path, root: NativeRoot) -> str:
    """Path of a written picture as annotation files name it.

    Relative to the root where it lies below it, else absolute.
    """
    path, base = path.absolute(), root.path.absolute()
    if path.is_relative_to(base):
        return path.relative_to(base).as_posix()
    return path.as_posix()


def cut_crops(
    records: list[ImageRecord],
    root: NativeRoot,
    out: Path,
    options: MotOptions,
) -> Split:
    """Write crops of the persons into ``crops`` below the output folder.

    What an earlier run wrote there is deleted.

    Args:
        records (list[ImageRecord]): Frames with their persons.
        root (NativeRoot): The folder that holds the sequences.
        out (Path): Output folder.
        options (MotOptions): Which crops are taken.

    Returns:
        Split: The crops, with identities from 0 without gaps.
    """
    chosen = choose_crops(records, options)
    shutil.rmtree(out / CROPS, ignore_errors=True)
    found = root.map(
        partial(_cut, root=root.path, out=out, options=options),
        [(records[k], rows) for k, rows in chosen.items()],
        'crops',
    )
    names = [name for group in found for name in group]
    labels = contiguous_ids(person_id for _, person_id, _ in names)
    crops = [
        crop(place(path, root), labels[person_id], **extra)
        for path, person_id, extra in names
    ]
    return Split('crops', crops, len(labels))


def choose_crops(
    records: list[ImageRecord], options: MotOptions
) -> dict[int, list[int]]:
    """Choose the boxes that become crops.

    Args:
        records (list[ImageRecord]): Frames with their persons.
        options (MotOptions): The least time between two crops of a person
            and the least height of a crop.

    Returns:
        dict[int, list[int]]: Place of a record in the list -> the rows of
        its boxes that are chosen.
    """
    last: dict[int, float] = {}
    chosen: dict[int, list[int]] = {}
    order = sorted(
        range(len(records)),
        key=lambda k: (records[k].extra['video'], records[k].extra['frame']),
    )
    for k in order:
        record = records[k]
        seconds = record.extra['seconds']
        tall = record.boxes[:, 3] - record.boxes[:, 1] >= options.crop_height
        for row in np.flatnonzero(tall & (record.person_ids >= 0)):
            person = int(record.person_ids[row])
            # (times are rounded to a millisecond)
            if seconds - last.get(person, -np.inf) < options.crop_every - 1e-3:
                continue
            last[person] = seconds
            chosen.setdefault(k, []).append(int(row))
    return chosen


def _cut(
    item: tuple[ImageRecord, list[int]],
    root: Path,
    out: Path,
    options: MotOptions,
) -> list[tuple[Path, int, dict]]:
    """Write the crops of one picture; (file, identity, extra) of each."""
    record, rows = item
    try:
        image = read_image(root / record.img_path)
    except ValueError:
        raise NativeDataError(
            root / record.img_path,
            'is not an image',
            'put the image in its place or fetch it again',
        ) from None
    size = np.array([image.shape[1], image.shape[0]] * 2)
    video, frame = record.extra['video'], record.extra['frame']
    written = []
    for row in rows:
        box = record.boxes[row]
        cut = np.clip(np.round(box), 0, size).astype(int)
        extent = np.clip(cut[2:] - cut[:2], 0, None)
        if extent.prod() < LEAST_INSIDE * (box[2:] - box[:2]).prod():
            continue
        if extent.min() < 1 or extent[1] < options.crop_height:
            continue
        person = int(record.person_ids[row])
        path = out / CROPS / video / f'{person:05d}_{frame:06d}.jpg'
        part = image[cut[1] : cut[3], cut[0] : cut[2]]
        write_image(path, part[..., ::-1])
        written.append((path, person, dict(video=video, frame=frame)))
    return written
