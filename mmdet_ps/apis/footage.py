"""Frames of a folder of images or of a video, each with a name to cite."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError

from ..utils.images import read_image

IMAGE_SUFFIXES = frozenset(
    ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm')
)
FORMS = ' '.join(sorted(IMAGE_SUFFIXES))


@dataclass(frozen=True)
class Frame:
    """Where a frame is found.

    Args:
        path: The image or the video.
        index: Number of the frame in the video, -1 for an image.
        seconds: Time in the video, -1 for an image.
    """

    path: str
    index: int = -1
    seconds: float = -1.0

    @property
    def name(self) -> str:
        """Short name for captions: file stem, and frame for a video."""
        stem = Path(self.path).stem
        return stem if self.index < 0 else f'{stem} #{self.index}'


def list_frames(source: str | Path, every: int = 1) -> list[Frame]:
    """All frames of a folder (searched deeply, by name), image or video.

    Args:
        every: Take every n-th frame of a video; a folder is taken whole.
    """
    source = Path(source)
    if every < 1:
        raise UserError(f'every={every}: take every 1st frame or fewer')
    if source.is_dir():
        paths = sorted(
            path
            for path in source.rglob('*')
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        )
        if not paths:
            raise UserError(
                f'{source} holds no image of the forms {FORMS}'
                ': name a folder of images or a video file'
            )
        return [Frame(str(path)) for path in paths]
    if not source.is_file():
        raise FileNotFoundError(
            f'{source} is not there: name a folder of images or a video file'
        )
    if source.suffix.lower() in IMAGE_SUFFIXES:
        return [Frame(str(source))]
    return _list_video(source, every)


def load_frame(frame: Frame) -> np.ndarray:
    """One frame as a BGR uint8 array (H, W, 3)."""
    if frame.index < 0:
        return read_image(frame.path)
    return next(iterate_frames([frame]))[1]


def iterate_frames(frames: list[Frame]) -> Iterator[tuple[Frame, np.ndarray]]:
    """(frame, BGR image) in order; a video is decoded once, forwards.

    Seeking by number is off by some frames in many codecs, so that frames
    are counted from the start.
    """
    video, position, path = None, 0, None
    try:
        for frame in frames:
            if frame.index < 0:
                yield frame, read_image(frame.path)
                continue
            if path != frame.path or frame.index < position:
                if video is not None:
                    video.release()
                video, position, path = _open(frame.path), 0, frame.path
            while position < frame.index and video.grab():
                position += 1
            found, image = video.read()
            if not found:
                raise UserError(
                    f'{frame.path}: frame {frame.index} cannot be decoded; '
                    'the video is shorter than when it was listed'
                )
            position += 1
            yield frame, image
    finally:
        if video is not None:
            video.release()


def _open(path: str | Path) -> cv2.VideoCapture:
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise UserError(
            f'{path} is neither an image nor a video OpenCV can read: '
            'convert it, for example with ffmpeg to H.264 in MP4'
        )
    return video


def _list_video(path: Path, every: int) -> list[Frame]:
    """Counts by grabbing: the number in the header is often wrong."""
    video = _open(path)
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    frames, index = [], 0
    while video.grab():
        if index % every == 0:
            frames.append(Frame(str(path), index, round(index / rate, 3)))
        index += 1
    video.release()
    if not frames:
        raise UserError(f'{path} holds no frame that OpenCV can decode')
    return frames
