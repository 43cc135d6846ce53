"""Videos frame by frame: the container's clock, and damage that ends nothing.

Frames are counted by decoding from the start. Seeking by number is off by
some frames in many codecs, and the number of frames in the header is often
an estimate.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.errors import UserError

VIDEO_SUFFIXES = frozenset(
    ('.3gp', '.avi', '.flv', '.gif', '.m2ts', '.m4v', '.mjpeg', '.mjpg',
     '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts', '.ogv', '.ts', '.webm',
     '.wmv')
)  # fmt: skip
USUAL_RATE = 25.0  # of a video whose header does not say
# So many failures in a row are the end; fewer are damage in the middle.
END_OF_VIDEO = 50
FAR = 20.0  # seconds; what is nearer is decoded rather than sought
RUN_UP = (1.0, 10.0)  # seconds before a frame that seeking aims at
SAME_TIME = 0.0015  # times are rounded to a millisecond
# Seconds: a clock that goes back further is that of another recording, which
# was joined to the first; it goes on from there.
BEGUN_ANEW = 1.0
NOT_UTF8 = 'its path is not UTF-8: rename it'


def is_utf8(path: str | Path) -> bool:
    """Whether a path is text; over a video of another OpenCV crashes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


class VideoReader:
    """The frames of a video, forwards.

    A frame that cannot be decoded is left out and keeps its number, so that
    the frames behind it have the number that an intact video would give
    them.

    Args:
        path (str | Path): The video.

    Attributes:
        index (int): Number of the current frame, from 0; -1 before the
            first.
        seconds (float): Its time by the container's clock, from the start
            of the video; frames of equal length are not assumed. It never
            goes back.
        damaged (list[int]): Numbers of the frames left out so far.
        rate (float): Mean number of frames in a second, by the header.
        promised (int): Number of frames by the header, 0 where it does not
            say.
        size (tuple[int, int]): Width and height, as frames are decoded.

    Raises:
        ValueError: If OpenCV cannot read the file, or its path is not UTF-8.
    """

    def __init__(self, path: str | Path) -> None:
        # FFmpeg prints thousands of lines about one damaged frame.
        os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'{path} is not there: check the path')
        if not is_utf8(path):
            raise UserError(f'{path}: {NOT_UTF8}')
        self._video = cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise UserError(
                f'{path} is neither an image nor a video OpenCV can read: '
                'convert it, for example with ffmpeg to H.264 in MP4'
            )
        rate = self._video.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else USUAL_RATE
        promised = self._video.get(cv2.CAP_PROP_FRAME_COUNT)
        self.promised = int(promised) if 0 < promised < 1e9 else 0
        self.size = (
            int(self._video.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._video.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        self.damaged: list[int] = []
        self._begin()

    def _begin(self) -> None:
        """Stand before the first frame."""
        self.index, self.seconds = -1, 0.0
        self._has_clock = False
        self._joined_at = 0.0  # seconds at which the clock began anew

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._video.release()

    def advance(self) -> bool:
        """Go to the next frame that can be decoded; False at the end."""
        for failures in range(END_OF_VIDEO):
            if self._video.grab():
                lost = range(self.index + 1, self.index + 1 + failures)
                self.damaged += lost
                self.index += failures + 1
                self.seconds = self._clock()
                return True
        return False

    def seek(self, index: int, seconds: float) -> bool:
        """Stand on a frame far away, without decoding all before it.

        Seeking by number is not exact, so that the clock tells whether the
        frame is the one. On False nothing is known of where the video
        stands: open it again and advance.

        Args:
            index (int): Number of the frame.
            seconds (float): Its time.
        """
        for before in RUN_UP:
            start = max(seconds - before, 0)
            if not self._video.set(cv2.CAP_PROP_POS_MSEC, start * 1000):
                return False
            self.index, self.seconds = -1, 0.0
            while self._video.grab():
                clock = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if not math.isfinite(clock) or clock > seconds + SAME_TIME:
                    break  # behind it already: start earlier
                if clock >= seconds - SAME_TIME:
                    self.index, self.seconds = index, seconds
                    return True
        return False

    def go_to_time(self, seconds: float) -> bool:
        """Stand on the first frame from a time on; False behind the end.

        The number of the frame is not known afterwards.
        """
        if seconds > FAR:
            start = (seconds - RUN_UP[0]) * 1000
            self._video.set(cv2.CAP_PROP_POS_MSEC, start)
            self._begin()
            near = self.advance() and self.seconds <= seconds
            if near and self._advance_to(seconds):
                return True
            # Not all containers can be sought in, and the clock of joined
            # recordings says nothing about places behind the first.
            self._reopen()
        return self._advance_to(seconds)

    def _advance_to(self, seconds: float) -> bool:
        """Decode up to the first frame from a time on; False at the end."""
        while self.index < 0 or self.seconds < seconds - SAME_TIME:
            if not self.advance():
                return False
        return True

    def _reopen(self) -> None:
        self._video.open(str(self.path))
        self.damaged = []
        self._begin()

    def picture(self) -> np.ndarray | None:
        """The current frame as a BGR uint8 array (H, W, 3).

        None where it turns out to be damaged; it is then among ``damaged``.
        """
        found, image = self._video.retrieve()
        if not found or image is None or 0 in image.shape:
            self.damaged.append(self.index)
            return None
        return image

    def _clock(self) -> float:
        clock = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        # Some containers have no clock, and some frames no time: OpenCV then
        # answers 0 or nonsense.
        is_time = math.isfinite(clock) and clock > 0
        self._has_clock |= is_time
        if not self._has_clock:
            return round(self.index / self.rate, 3)
        if not is_time:
            return self.seconds
        seconds = clock + self._joined_at
        if seconds < self.seconds - BEGUN_ANEW:
            self._joined_at += self.seconds + 1 / self.rate - seconds
            seconds = clock + self._joined_at
        return round(max(seconds, self.seconds), 3)
