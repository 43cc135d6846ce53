"""A clip of an answer: the track, with the person's box."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import replacing

from ..utils.videos import NOT_UTF8, VideoReader, is_utf8
from ..visualization.drawing import GREEN, clip_box
from .frames import Frame
from .gallery_index import GalleryIndex
from .linking import Tracks

AROUND = 1.0  # seconds shown before and after the track
CODEC = 'mp4v'
LINE = 2


def write_clip(
    path: Path,
    gallery: GalleryIndex,
    tracks: Tracks,
    track: int,
    around: float = AROUND,
) -> None:
    """Write a track of a video as an MP4 file.

    Args:
        path (Path): The file to write; an existing one is replaced.
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        track (int): Number of the track to show.
        around (float): Seconds shown before and after it.

    Raises:
        UserError: If the track is no part of a video, or OpenCV cannot
            write one, or not to that path.
    """
    if not is_utf8(path):
        raise UserError(f'{path}: {NOT_UTF8}')
    rows = tracks.members(track)
    frames = [gallery.frames[k] for k in gallery.frame_of[rows]]
    if frames[0].index < 0:
        raise UserError(
            f'{frames[0].path} is a picture: there is no clip; choose a track '
            'of a video'
        )
    seconds = np.array([frame.seconds for frame in frames])
    boxes = np.array(gallery.bboxes[rows], np.float64)
    with replacing(path) as beside:
        target = beside.with_suffix('.part.mp4')  # the suffix chooses the form
        try:
            _write(frames[0], seconds, boxes, around, target)
            target.replace(beside)
        finally:
            target.unlink(missing_ok=True)


def _write(
    first: Frame,
    seconds: np.ndarray,
    boxes: np.ndarray,
    around: float,
    target: Path,
) -> None:
    start, end = seconds[0] - around, seconds[-1] + around
    writer = None
    with VideoReader(first.path) as video:
        if not video.go_to_time(start):
            raise UserError(
                f'{first.path} ends before {start:.1f} s: it was changed '
                'since it was indexed; index it again'
            )
        while video.seconds <= end:
            image = video.picture()
            if image is not None:
                writer = writer or _open(target, video.rate, image.shape)
                if seconds[0] <= video.seconds <= seconds[-1]:
                    _draw(image, _between(video.seconds, seconds, boxes))
                writer.write(image)
            if not video.advance():
                break
    if writer is not None:
        writer.release()
    if not target.is_file():
        raise UserError(
            f'no clip of {first.path} can be written: check that '
            f'{target.parent} can be written to, and that OpenCV has the '
            f'encoder {CODEC}'
        )


def _open(target: Path, rate: float, shape: tuple) -> cv2.VideoWriter:
    code = cv2.VideoWriter_fourcc(*CODEC)
    return cv2.VideoWriter(str(target), code, rate, (shape[1], shape[0]))


def _between(
    when: float, seconds: np.ndarray, boxes: np.ndarray
) -> list[float]:
    """The box at a time between the frames that were looked at."""
    return [float(np.interp(when, seconds, corner)) for corner in boxes.T]


def _draw(image: np.ndarray, box: list[float]) -> None:
    """The frame of a box, in place; the image is BGR."""
    inside = clip_box(box, *image.shape[:2])
    if inside is not None:
        x1, y1, x2, y2 = (int(v) for v in inside)
        cv2.rectangle(image, (x1, y1), (x2, y2), GREEN[::-1], LINE)
