"""The last step of every reader: image sizes, and boxes held against them."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from mmdet_ps.utils.images import image_size

from .errors import NativeDataError
from .files import NativeRoot
from .records import ImageRecord, NativeSet, Note

REMEDY = 'put the image in its place or fetch it again'


def finish(native: NativeSet, root: NativeRoot, decode: bool = False) -> None:
    """Fill in image sizes and check every box; in place."""
    for split in native.splits:
        for record in split.records:
            if record.in_video:
                continue
            if record.width and not os.path.isfile(
                root.path / record.img_path
            ):
                raise NativeDataError(
                    root.path / record.img_path, 'image missing', REMEDY
                )
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


def check_boxes(record: ImageRecord, clip: bool, notes: list[Note]) -> None:
    """Drop boxes outside the image; with ``clip`` cut those that leave it.

    A box whose far corner is infinite is the whole image.
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
