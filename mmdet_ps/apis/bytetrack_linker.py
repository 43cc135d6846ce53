"""Another linker: ByteTrack (Zhang et al., ECCV 2022), by boxes alone.

It is that of Roboflow's package ``trackers`` (Apache-2.0), which is not
required.
"""

from __future__ import annotations

import numpy as np

from ..structures.boxes import iou_matrix
from ..utils.optional_packages import optional

PACKAGES = ('supervision', 'trackers')
LEAST_OVERLAP = 0.1


class ByteTrackLinker:
    """ByteTrack of the package ``trackers``, in the place of ``Linker``.

    A person whom it does not link gets a track alone.

    Args:
        frames (list[tuple[float, slice]]): Time in seconds and rows of the
            persons of each of the video's frames, in order.
        max_gap (float): Seconds that a person may go unseen.

    Raises:
        UserError: A package that it needs is not installed.
    """

    def __init__(
        self, frames: list[tuple[float, slice]], max_gap: float
    ) -> None:
        self._supervision, trackers = map(optional, PACKAGES)
        passed = np.diff([seconds for seconds, _ in frames])
        step = max(float(np.median(passed)) if len(passed) else 1.0, 1e-3)
        # Its buffer counts frames at 30 a second.
        self._tracker = trackers.ByteTrackTracker(
            lost_track_buffer=max(round(max_gap * 30), 1),
            frame_rate=1 / step,
            minimum_consecutive_frames=1,
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
        )
        self._numbers: dict[int, int] = {}
        self._unlinked: dict[int, np.ndarray] = {}  # of the last frame
        self.count = 0

    def update(
        self,
        seconds: float,
        boxes: np.ndarray,
        looks: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """See ``Linker.update``."""
        found = self._tracker.update(
            self._supervision.Detections(
                xyxy=np.asarray(boxes, np.float32).reshape(-1, 4),
                confidence=np.asarray(scores, np.float32),
                class_id=np.zeros(len(boxes), int),
                data=dict(row=np.arange(len(boxes))),
            )
        )
        names = found.tracker_id if found.tracker_id is not None else ()
        numbers = np.full(len(boxes), -1, np.int64)
        for row, name in zip(found.data.get('row', ()), names):
            if name >= 0:
                numbers[row] = self._number_of(int(name), boxes[row])
        self._unlinked = {}
        for row in np.flatnonzero(numbers < 0).tolist():
            numbers[row] = self._next()
            self._unlinked[numbers[row]] = boxes[row]
        return numbers

    def _number_of(self, name: int, box: np.ndarray) -> int:
        """The track of ByteTrack's name.

        It names a person from the second frame on: the box of the frame
        before that nobody was linked to is the first.
        """
        if name not in self._numbers:
            before = list(self._unlinked)
            number = None
            if before:
                old = np.array([self._unlinked[k] for k in before])
                shared = iou_matrix(old, box)[:, 0]
                if shared.max() >= LEAST_OVERLAP:
                    number = before[int(shared.argmax())]
                    del self._unlinked[number]
            self._numbers[name] = self._next() if number is None else number
        return self._numbers[name]

    def _next(self) -> int:
        self.count += 1
        return self.count - 1
