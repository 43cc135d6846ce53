"""The frames and persons of a gallery, as it grows, without embeddings."""

from __future__ import annotations

import numpy as np

from .frames import Frame


class GalleryRows:
    """The frames and persons of a gallery, in the order they came in.

    Attributes:
        paths (list[str]): Files, in order.
        indices (dict[str, set[int]]): File -> numbers of its frames.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.indices: dict[str, set[int]] = {}
        self._numbers: dict[str, int] = {}
        self._frames: list[tuple[int, int, float]] = []
        self._counts: list[int] = []
        self._bboxes = [np.zeros((0, 4), np.float32)]
        self._scores = [np.zeros(0, np.float32)]

    @classmethod
    def of(cls, paths: list[str], data) -> GalleryRows:
        """From what ``columns`` gave."""
        rows = cls()
        columns = [data[name] for name in ('path_of', 'index', 'seconds')]
        counts = np.bincount(data['frame_of'], minlength=len(columns[0]))
        for number, index, seconds, count in zip(
            *(column.tolist() for column in columns), counts, strict=True
        ):
            frame = Frame(paths[number], index, seconds)
            rows._add_frame(frame, int(count))
        rows._bboxes = [data['bboxes'].reshape(-1, 4)]
        rows._scores = [data['scores']]
        return rows

    def add(
        self, frame: Frame, bboxes: np.ndarray, scores: np.ndarray
    ) -> None:
        """Add a frame and the N persons in it.

        Args:
            frame (Frame): The frame.
            bboxes (ndarray): (N, 4), xyxy, pixels.
            scores (ndarray): (N,).
        """
        self._add_frame(frame, len(scores))
        self._bboxes.append(np.asarray(bboxes, np.float32).reshape(-1, 4))
        self._scores.append(np.asarray(scores, np.float32))

    def _add_frame(self, frame: Frame, count: int) -> None:
        number = self._numbers.setdefault(frame.path, len(self.paths))
        if number == len(self.paths):
            self.paths.append(frame.path)
        self.indices.setdefault(frame.path, set()).add(frame.index)
        self._frames.append((number, frame.index, frame.seconds))
        self._counts.append(count)

    def columns(self) -> dict[str, np.ndarray]:
        """Arrays of the F frames and of the P persons."""
        self._bboxes = [np.concatenate(self._bboxes)]
        self._scores = [np.concatenate(self._scores)]
        frames = self._frames or np.zeros((0, 3))
        path_of, index, seconds = np.array(frames, np.float64).T
        return dict(
            path_of=path_of.astype(np.int64),
            index=index.astype(np.int64),
            seconds=seconds,
            frame_of=np.repeat(np.arange(len(self._frames)), self._counts),
            bboxes=self._bboxes[0],
            scores=self._scores[0],
        )

    def frames(self) -> list[Frame]:
        """The F frames."""
        return [
            Frame(self.paths[number], index, seconds)
            for number, index, seconds in self._frames
        ]

    def persons_without(self, gone: set[str]) -> np.ndarray:
        """(K,) rows of the persons in other files."""
        columns = self.columns()
        numbers = [self._numbers[path] for path in gone & set(self.paths)]
        kept = ~np.isin(columns['path_of'], numbers)
        return np.flatnonzero(kept[columns['frame_of']])

    def without(self, gone: set[str]) -> GalleryRows:
        """The rows of the other files."""
        persons, columns = self.persons_without(gone), self.columns()
        rows = GalleryRows()
        for frame, count in zip(self.frames(), self._counts):
            if frame.path not in gone:
                rows._add_frame(frame, count)
        rows._bboxes = [columns['bboxes'][persons]]
        rows._scores = [columns['scores'][persons]]
        return rows
