"""The last step after every reader: image sizes, and boxes checked by them."""

from __future__ import annotations

import os
from collections.abc import Container
from functools import partial

import numpy as np

from mmdet_ps.utils.images import image_size

from .errors import NativeDataError
from .files import NativeRoot
from .records import ImageRecord, NativeSet, Note, Split


def finish(
    native: NativeSet,
    root: NativeRoot,
    decode: bool = False,
    may_lack: Container[str] = (),
) -> None:
    """Fill in image sizes and check every box; in place.

    Args:
        native (NativeSet): What was read.
        root (NativeRoot): Where the images lie.
        decode (bool): Decode every image, to find damaged ones.
        may_lack (Container[str]): Names of the splits whose missing images
            are left out and counted.

    Raises:
        UserError: Images are missing, or one is damaged.
    """
    for split in native.splits:
        _settle_missing(split, root, split.name in may_lack, native.notes)
        unknown = [
            r
            for r in split.records
            if (decode or not r.width) and not r.in_video
        ]
        sizes = root.map(
            partial(image_size, decode=decode),
            [root.path / r.img_path for r in unknown],
            f'{split.name} images',
        )
        for record, (width, height) in zip(unknown, sizes):
            record.width, record.height = width, height
        for record in split.records:
            check_boxes(record, native.clip, native.notes)


def _settle_missing(
    split: Split, root: NativeRoot, leave_out: bool, notes: list[Note]
) -> None:
    """Leave images without a file out, or say how many there are."""
    present, missing = [], []
    for record in split.records:
        found = record.in_video or os.path.isfile(root.path / record.img_path)
        (present if found else missing).append(record)
    if not missing:
        return
    if not leave_out or not present:
        raise NativeDataError(
            root.path,
            f'{len(missing)} of {len(split.records)} images of the '
            f'{split.name} set missing, first {missing[0].img_path}',
            'put them in their place, or leave those of training sets out '
            'with --skip-missing',
        )
    notes.append(
        Note('image missing', missing[0].img_path, 'left out', len(missing))
    )
    split.records = present


def check_boxes(record: ImageRecord, clip: bool, notes: list[Note]) -> None:
    """Drop the boxes outside of their image, and cut others, in place.

    Args:
        record (ImageRecord): The image, whose size is known. A box whose far
            corner is infinite becomes the whole image.
        clip (bool): Cut the boxes that leave the image at its border.
        notes (list[Note]): Takes a note for every box that is dropped.
    """
    if len(record.boxes) == 0:
        return
    size = np.array([record.width, record.height] * 2, np.float64)
    whole = np.isinf(record.boxes[:, 2:]).all(axis=1)
    record.boxes[whole, 2:] = size[:2]
    cut = np.clip(record.boxes, 0, size)
    inside = (cut[:, 2:] - cut[:, :2] > 0).all(axis=1)
    flat = (record.boxes[:, 2:] <= record.boxes[:, :2]).any(axis=1)
    for k in np.flatnonzero(~inside):
        what = 'box without area' if flat[k] else 'box outside the image'
        place = np.round(record.boxes[k], 2).tolist()
        notes.append(Note(what, f'{record.img_path} {place}', 'dropped'))
    if clip:
        record.boxes = cut
    record.keep(inside)
