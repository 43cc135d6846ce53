"""Frames of pictures and videos: their names and times, listed and read.

Damage ends nothing: what cannot be decoded is left out, and noted with its
reason where the caller asks for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..utils.errors import UserError
from ..utils.images import read_image
from ..utils.videos import FAR, NOT_UTF8, VideoReader, is_utf8
from .footage import Footage, Skipped, find_footage
from .sampling import due

PICTURE_ERRORS = (ValueError, OSError, cv2.error, MemoryError)


@dataclass(frozen=True)
class Frame:
    """Where a frame is found.

    Args:
        path: File of the image or the video.
        index: Number of the frame in the video, from 0; -1 for an image.
        seconds: Time in the video by its own clock, in seconds; -1 for an
            image.
    """

    path: str
    index: int = -1
    seconds: float = -1.0

    @property
    def name(self) -> str:
        """Short name for captions: file stem, and frame for a video."""
        stem = Path(self.path).stem
        return stem if self.index < 0 else f'{stem} #{self.index}'


def list_frames(
    source: str | Path, every: int = 1, skipped: list | None = None
) -> list[Frame]:
    """All frames of a folder (searched deeply, by name), image or video.

    A damaged frame in the middle of a video does not end the list.

    Args:
        source: A folder, an image or a video.
        every: Take every n-th frame of a video. Of pictures all are taken.
        skipped: Takes a ``Skipped`` for everything left out.

    Raises:
        UserError: If there is nothing to look at.
    """
    due(every)
    footage = find_footage(source)
    frames = [Frame(path) for path in footage.pictures]
    for path in footage.videos:
        frames += _list_video(path, every, footage)
    if not frames:
        raise UserError(
            f'{source}: {footage.skipped[-1].path}: '
            f'{footage.skipped[-1].reason}'
        )
    if skipped is not None:
        skipped += footage.skipped
    return frames


def _list_video(path: str, every: int, footage: Footage) -> list[Frame]:
    frames, is_due = [], due(every)
    video = open_video(path, footage)
    if video is not None:
        with video:
            while video.advance():
                if is_due(video.index, video.seconds):
                    frames.append(Frame(path, video.index, video.seconds))
        note_damage(video, footage)
    return frames


def open_video(path: str, footage: Footage) -> VideoReader | None:
    """Open a video.

    Args:
        path (str): The file.
        footage (Footage): Takes a note where it cannot be read.

    Returns:
        VideoReader: None where it cannot be read.
    """
    if not is_utf8(path):
        footage.skip(path, NOT_UTF8)
        return None
    try:
        return VideoReader(path)
    except (ValueError, OSError):
        footage.skip(
            path,
            'neither an image nor a video OpenCV can read: convert it, for '
            'example with ffmpeg to H.264 in MP4',
        )
        return None


def note_damage(video: VideoReader, footage: Footage) -> None:
    """Note what of a video could not be decoded.

    Args:
        video (VideoReader): A video that was read to its end.
        footage (Footage): Takes the notes.
    """
    for index in video.damaged:
        footage.skip(f'{video.path} #{index}', 'frame cannot be decoded')
    if video.index < 0:
        footage.skip(video.path, 'holds no frame that can be decoded')
    # Headers are often off by a few frames.
    elif video.index + 1 < 0.95 * video.promised:
        footage.skip(
            video.path,
            f'ends after {video.index + 1} of {video.promised} frames',
        )


def load_frame(frame: Frame) -> np.ndarray:
    """One frame as a BGR uint8 array (H, W, 3).

    Raises:
        UserError: It cannot be decoded.
    """
    if frame.index < 0:
        return read_image(frame.path)
    return next(iterate_frames([frame]))[1]


def iterate_frames(
    frames: Iterable[Frame], skipped: list[Skipped] | None = None
) -> Iterator[tuple[Frame, np.ndarray]]:
    """Read frames in order; a video is decoded once, forwards.

    Args:
        frames: What to read.
        skipped: Takes what cannot be read. Without it, that is an error.

    Yields:
        tuple[Frame, np.ndarray]: The frame, and its BGR uint8 image
        (H, W, 3).
    """
    reader = FrameReader()
    try:
        for frame in frames:
            try:
                image = reader.read(frame)
            except PICTURE_ERRORS as error:
                if skipped is None:
                    raise
                skipped.append(Skipped(frame.path, reason_of(error)))
                continue
            yield frame, image
    finally:
        reader.close()


class FrameReader:
    """Reads frames; goes on in an open video where that is possible."""

    def __init__(self) -> None:
        self._video: VideoReader | None = None

    @property
    def frame(self) -> Frame | None:
        """The frame of a video read last, with its time."""
        if self._video is None:
            return None
        video = self._video
        return Frame(str(video.path), video.index, video.seconds)

    def read(self, frame: Frame) -> np.ndarray:
        """One frame as a BGR uint8 array (H, W, 3).

        Raises:
            UserError: If the frame cannot be decoded.
        """
        if frame.index < 0:
            return read_image(frame.path)
        video = self._video
        if video is None or not is_before(video, frame):
            video = self._open(frame.path)
        if is_far(video, frame) and not video.seek(frame.index, frame.seconds):
            video = self._open(frame.path)
        while video.index < frame.index and video.advance():
            pass
        image = None
        if video.index == frame.index:
            image = video.picture()
        if image is None:
            raise UserError(
                f'{frame.path}: frame {frame.index} cannot be decoded: it is '
                'damaged, or the video is shorter than when it was listed'
            )
        return image

    def _open(self, path: str) -> VideoReader:
        """Begin a video, instead of the one that was read before."""
        self.close()
        self._video = VideoReader(path)
        return self._video

    def close(self) -> None:
        """Let go of the file."""
        if self._video is not None:
            self._video.close()
            self._video = None


def is_before(video: VideoReader, frame: Frame) -> bool:
    """Whether a video that is being read will come to a frame."""
    return video.path == Path(frame.path) and video.index <= frame.index


def is_far(video: VideoReader, frame: Frame) -> bool:
    """Whether a jump to a frame is quicker than reading on."""
    ahead = frame.index - video.index
    return frame.seconds >= 0 and ahead > FAR * video.rate


def reason_of(error: Exception) -> str:
    """Why a picture was not looked at, in words and without its path."""
    if isinstance(error, PermissionError):
        return 'no permission to read it'
    if isinstance(error, FileNotFoundError):
        return 'is gone'
    return 'damaged, or not what its suffix says'
