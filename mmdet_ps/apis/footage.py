"""Footage: folders of pictures and videos, and every frame's name and time.

Nothing in a folder ends a search. What cannot be looked at is listed with
its reason: hidden and unreadable files, damaged pictures, frames of videos
that cannot be decoded, and forms that OpenCV does not read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ..utils.errors import UserError
from ..utils.images import IMAGE_SUFFIXES, read_image
from ..utils.videos import (
    FAR,
    NOT_UTF8,
    VIDEO_SUFFIXES,
    VideoReader,
    is_utf8,
)

FORMS = ' '.join(sorted(IMAGE_SUFFIXES))
STEP = 0.4  # seconds between the frames of a video that are looked at
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


@dataclass(frozen=True)
class Skipped:
    """Something that was not looked at, and why.

    Args:
        path: The file, or the name of a frame of a video.
        reason: Why it was not looked at, in words.
    """

    path: str
    reason: str


@dataclass
class Footage:
    """What there is to search.

    Args:
        pictures (list[str]): Image files.
        videos (list[str]): Video files.
        skipped (list[Skipped]): What was left out so far.
    """

    pictures: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, path: str | Path, reason: str) -> None:
        """Note that a file is left out, and the reason."""
        self.skipped.append(Skipped(str(path), reason))

    def skipped_by_reason(self) -> dict[str, int]:
        """How many entries were left out for each reason."""
        counts: dict[str, int] = {}
        for entry in self.skipped:
            counts[entry.reason] = counts.get(entry.reason, 0) + 1
        return counts


def find_footage(sources: str | Path | Iterable[str | Path]) -> Footage:
    """All pictures and videos of files and folders, in order.

    Folders are searched deeply, through links, by name.

    Args:
        sources: Paths of folders, images and videos.

    Raises:
        FileNotFoundError: If a path is not there.
        UserError: If nothing in all of them can be looked at.
    """
    if isinstance(sources, (str, Path)):
        sources = [sources]
    footage = Footage()
    for source in map(Path, sources):
        if source.is_dir():
            for path in walk(source, footage):
                if is_answer(path):
                    footage.skip(path, 'written by a search')
                else:
                    sort_in(path, footage)
        elif source.is_file():
            kind = sort_in(source, footage)
            if kind is None and os.access(source, os.R_OK):
                # Named by hand, it is a video until OpenCV says no.
                footage.skipped.pop()
                footage.videos.append(str(source))
        else:
            raise FileNotFoundError(
                f'{source} is not there: name a folder of images or a video '
                'file'
            )
    if not footage.pictures and not footage.videos:
        named = ', '.join(map(str, sources))
        reasons = '; '.join([*footage.skipped_by_reason()][:3])
        left_out = f' (left out: {reasons})' if reasons else ''
        raise UserError(
            f'{named} holds no image of the forms {FORMS}, and no video'
            f'{left_out}: name a folder of images or a video file'
        )
    return footage


def walk(folder: Path, footage: Footage) -> Iterator[Path]:
    """Files below a folder that are not hidden, by name.

    Links to folders are followed, but no folder is entered twice.

    Args:
        folder (Path): The folder.
        footage (Footage): Takes a note of every hidden file and of every
            folder that cannot be read.
    """
    seen = set()

    def report(error: OSError) -> None:
        footage.skip(error.filename, 'folder cannot be read')

    for place, below, names in os.walk(
        folder, followlinks=True, onerror=report
    ):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        for name in [*names, *below]:
            if name.startswith('.'):
                footage.skip(os.path.join(place, name), 'hidden')
        below[:] = sorted(name for name in below if name[0] != '.')
        yield from (
            Path(place, name) for name in sorted(names) if name[0] != '.'
        )


def is_answer(path: Path) -> bool:
    """Whether a search wrote a picture or clip, by its name and place.

    It shows persons of the footage again, who would be found there.
    """
    if path.name == 'query_persons.jpg':
        return True
    folder = path.parent
    if folder.name == 'clips' and path.stem.isdecimal():
        folder = folder.parent
    elif path.name != 'ranking.jpg':
        return False
    return (folder / 'ranking.json').is_file()


def sort_in(path: Path, footage: Footage) -> str | None:
    """Put a file among pictures, videos or what is skipped, by its suffix.

    Args:
        path (Path): The file.
        footage (Footage): Takes it.

    Returns:
        str: ``picture`` or ``video``; None if it is skipped.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        footage.skip(path, 'link to nothing')
        return None
    if not os.access(path, os.R_OK):
        footage.skip(path, 'no permission to read it')
        return None
    if suffix in IMAGE_SUFFIXES:
        footage.pictures.append(str(path))
        return 'picture'
    if suffix in VIDEO_SUFFIXES:
        footage.videos.append(str(path))
        return 'video'
    footage.skip(path, f'{suffix or "a file without suffix"} is not read')
    return None


def due(every: int | None = None, step: float = STEP) -> Callable:
    """Make a function that chooses the frames of a video to look at.

    Args:
        every (int): Choose every n-th frame; None goes by the clock.
        step (float): Seconds between two frames, without ``every``; 0
            chooses all.

    Returns:
        Callable[[int, float], bool]: Takes number and seconds of each frame
        of one video, in order, and tells whether to look at it.

    Raises:
        UserError: ``every`` is below 1, or ``step`` is negative.
    """
    if every is not None:
        if every < 1:
            raise UserError(
                f'every={every}: write 1 for every frame, or a greater number'
            )
        return lambda index, seconds: index % every == 0
    if step < 0:
        raise UserError(
            f'step={step}: write a number of seconds, or 0 for every frame'
        )
    last = -1

    def by_clock(index: int, seconds: float) -> bool:
        nonlocal last
        if step == 0:
            return True
        # (times are rounded to a millisecond)
        turn = int((seconds + 1e-3) / step)
        is_due, last = turn > last, turn
        return is_due

    return by_clock


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
        footage.skip(
            Frame(str(video.path), index).name, 'frame cannot be decoded'
        )
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
    return str(video.path) == frame.path and video.index <= frame.index


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
