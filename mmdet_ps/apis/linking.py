"""Detections of a video linked to tracks: one person, seen for some time.

The linker is a simple one of our own: in every frame detections and tracks
are assigned one to one (Hungarian method) by the overlap with where the
track should be by now, and by the likeness of the embeddings. How alike two
pictures of different persons are depends on the model, so that the gallery
itself says what counts as alike: persons in one frame are different ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmdet_ps.utils.errors import UserError

from ..structures.boxes import iou_matrix
from .bytetrack_linker import ByteTrackLinker
from .gallery_index import GalleryIndex
from .open_search import LEAST_PAIRS, strangers
from .track_cache import TrackCache, mark_of

LINKERS = ('own', 'bytetrack')
MAX_GAP = 3.0  # seconds a person may go unseen within a track
LEAST_OVERLAP = 0.1
SAME_BOX = 0.7  # overlap of two boxes that are one person found twice
# How far a person gets, in heights of the body: at once, and in a second
# (a run of 5 m/s is about three).
REACH, SPEED = 0.4, 1.5
LEAST_SIZE = 0.6  # of the smaller to the larger height in a track
LONGEST_GUESS = 1.0  # seconds that a speed is trusted
NEWEST = 0.5  # weight of the newest speed and look
MARGIN = 0.2  # of the way from most strangers to perfect likeness
FORBIDDEN = -1e3
BLOCK = 1 << 15  # rows of embeddings read at once


@dataclass(frozen=True)
class Likeness:
    """What the similarity of two pictures says.

    Args:
        least (float): Below it, a box that overlaps is another person.
        same (float): From it on, a box nearby is the person, without any
            overlap.
    """

    least: float = 0.0
    same: float = 0.5


@dataclass
class Tracks:
    """T tracks of the P persons of a gallery.

    Args:
        track_of (ndarray): (P,) int64, number of each person's track.
        means (ndarray): (T, D) float32, mean embedding of each track, scaled
            to unit length.
        start, end (ndarray): (T,) float64, seconds of the first and last
            person; -1 in pictures.
        order (ndarray): (P,) int64, rows of the persons, those of a track
            together and in order of time.
        edges (ndarray): (T + 1,) int64, where each track begins in it.
    """

    track_of: np.ndarray
    means: np.ndarray
    start: np.ndarray
    end: np.ndarray
    order: np.ndarray
    edges: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def members(self, track: int) -> np.ndarray:
        """(N,) rows of the persons of a track, in order of time."""
        return self.order[self.edges[track] : self.edges[track + 1]]


def link_gallery(
    gallery: GalleryIndex,
    likeness: Likeness | None = None,
    max_gap: float = MAX_GAP,
    linker: str = 'own',
    cache: TrackCache | None = None,
) -> Tracks:
    """Link the persons of every video; every person of a picture is alone.

    Args:
        gallery (GalleryIndex): P persons.
        likeness (Likeness): By default that of each video, see
            :func:`likeness_of`.
        max_gap (float): Seconds that a person may go unseen.
        linker (str): ``own``, or ``bytetrack`` of the package ``trackers``,
            which goes by the boxes alone.
        cache (TrackCache): Knows videos that were linked before.

    Returns:
        Tracks: The tracks of all persons.

    Raises:
        UserError: There is no such linker, or its package is not installed.
    """
    if linker not in LINKERS:
        raise UserError(f'linker {linker!r}: write {" or ".join(LINKERS)}')
    cache = cache or TrackCache(None)
    track_of = np.full(len(gallery), -1, np.int64)
    count = 0
    for video, frames in frames_by_video(gallery):
        rows = np.concatenate(
            [np.arange(spans.start, spans.stop) for _, spans in frames]
        )
        settings = likeness, max_gap, linker, gallery.model_mark
        times = np.array([seconds for seconds, _ in frames])
        sizes = np.array([span.stop - span.start for _, span in frames])
        mark = mark_of(settings, times, sizes, gallery.bboxes[rows])
        numbers = cache.get(video, mark, len(rows))
        if numbers is None:
            numbers = _link_video(gallery, frames, likeness, max_gap, linker)
            cache.put(video, mark, numbers)
        track_of[rows] = count + numbers
        count += int(numbers.max(initial=-1)) + 1
    cache.save()
    alone = np.flatnonzero(track_of < 0)
    track_of[alone] = count + np.arange(len(alone))
    return describe_tracks(gallery, track_of)


def _link_video(
    gallery: GalleryIndex,
    frames: list[tuple[float, slice]],
    likeness: Likeness | None,
    max_gap: float,
    kind: str,
) -> np.ndarray:
    """Numbers (N,) from 0 of the tracks of a video's persons, in order."""
    spans = [(span.start, span.stop) for _, span in frames]
    if kind == 'own':
        likeness = likeness or likeness_of(gallery, spans)
        linker: Any = Linker(likeness, max_gap)
    else:
        linker = ByteTrackLinker(frames, max_gap)
    found = [
        linker.update(
            seconds,
            gallery.bboxes[rows],
            np.asarray(gallery.embeddings[rows]),
            gallery.scores[rows],
        )
        for seconds, rows in frames
    ]
    return np.concatenate(found)


def likeness_of(
    gallery: GalleryIndex, spans: list[tuple[int, int]] | None = None
) -> Likeness:
    """Measure how alike different persons look, by persons of one frame.

    Args:
        gallery (GalleryIndex): P persons.
        spans (list[tuple[int, int]]): Of each frame to look at, the row of
            the first person and the one behind the last; by default all.

    Returns:
        Likeness: The default one where there are fewer than ``LEAST_PAIRS``
        pairs of different persons.
    """
    pairs = strangers(gallery, spans=spans)
    if len(pairs) < LEAST_PAIRS:
        return Likeness()
    least, most = np.quantile(pairs, [0.5, 0.95])
    # Strangers may all be equally unlike: some likeness is asked for.
    return Likeness(float(least), float(most + MARGIN * (1 - most)))


def frames_by_video(
    gallery: GalleryIndex,
) -> Iterator[tuple[str, list[tuple[float, slice]]]]:
    """The frames of each video, in order.

    Yields:
        tuple[str, list]: The video's file and, of each of its frames, the
        time in seconds and the rows of its persons in the gallery.
    """
    videos: dict[str, list[int]] = {}
    for number, frame in enumerate(gallery.frames):
        if frame.index >= 0:
            videos.setdefault(frame.path, []).append(number)
    numbers = np.arange(len(gallery.frames) + 1)
    edges = np.searchsorted(gallery.frame_of, numbers)
    for path, frames in videos.items():
        frames.sort(key=lambda number: gallery.frames[number].index)
        yield (
            path,
            [
                (gallery.frames[k].seconds, slice(edges[k], edges[k + 1]))
                for k in frames
            ],
        )


def describe_tracks(gallery: GalleryIndex, track_of: np.ndarray) -> Tracks:
    """Make ``Tracks`` of the number of each person's track.

    Args:
        gallery (GalleryIndex): P persons.
        track_of (ndarray): (P,) int64, numbers from 0 without gaps.
    """
    index = np.array([frame.index for frame in gallery.frames] or [0])
    seconds = np.array([frame.seconds for frame in gallery.frames] or [0.0])
    order = np.lexsort((index[gallery.frame_of], track_of))
    count = int(track_of.max(initial=-1)) + 1
    edges = np.searchsorted(track_of[order], np.arange(count + 1))
    when = seconds[gallery.frame_of][order]
    return Tracks(
        track_of,
        _means(gallery.embeddings, track_of, count),
        when[edges[:-1]],
        when[edges[1:] - 1],
        order,
        edges,
    )


def _means(
    embeddings: np.ndarray, track_of: np.ndarray, count: int
) -> np.ndarray:
    """(count, D) unit vectors; reads the embeddings block by block."""
    sums = np.zeros((count, embeddings.shape[1]), np.float32)
    for start in range(0, len(track_of), BLOCK):
        tracks = track_of[start : start + BLOCK]
        order = np.argsort(tracks, kind='stable')
        found, starts = np.unique(tracks[order], return_index=True)
        block = np.asarray(embeddings[start : start + BLOCK])[order]
        sums[found] += np.add.reduceat(block, starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.maximum(lengths, 1e-12)


@dataclass
class _Track:
    """A person as last seen."""

    number: int
    box: np.ndarray
    look: np.ndarray
    seconds: float
    speed: np.ndarray  # (2,) pixels in a second

    def see(self, box: np.ndarray, look: np.ndarray, seconds: float) -> None:
        passed = max(seconds - self.seconds, 1e-3)
        moved = (_centres(box[None]) - _centres(self.box[None]))[0] / passed
        self.speed = NEWEST * moved + (1 - NEWEST) * self.speed
        self.look = NEWEST * look + (1 - NEWEST) * self.look
        self.look /= max(np.linalg.norm(self.look), 1e-12)
        self.box, self.seconds = box, seconds


class Linker:
    """Gives the persons of a video's frames, in order, their tracks.

    Args:
        likeness (Likeness): Which similarities are those of one person.
        max_gap (float): Seconds that a person may go unseen.

    Attributes:
        count (int): Number of tracks so far.
    """

    def __init__(
        self,
        likeness: Likeness = Likeness(),  # noqa: B008
        max_gap: float = MAX_GAP,
    ) -> None:
        self.likeness, self.max_gap = likeness, max_gap
        self.count = 0
        self._tracks: list[_Track] = []

    def update(
        self,
        seconds: float,
        boxes: np.ndarray,
        looks: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """The track of each person of a frame.

        Args:
            seconds (float): Time of the frame.
            boxes (ndarray): (N, 4), xyxy, pixels.
            looks (ndarray): (N, D), unit embeddings.
            scores (ndarray): (N,); of two boxes of one person the one of the
                higher score counts.

        Returns:
            ndarray: (N,) int64, numbers of the tracks, from 0.
        """
        alike = looks @ looks.T >= self.likeness.same
        twin_of = _twins(boxes, scores, alike)
        own = np.flatnonzero(twin_of == np.arange(len(boxes)))
        self._tracks = [
            track
            for track in self._tracks
            if seconds - track.seconds <= self.max_gap
        ]
        numbers = np.full(len(boxes), -1, np.int64)
        for track, row in self._assign(seconds, boxes, looks, own):
            track.see(boxes[row], looks[row], seconds)
            numbers[row] = track.number
        for row in own[numbers[own] < 0]:
            track = _Track(
                self.count, boxes[row], looks[row], seconds, np.zeros(2)
            )
            self._tracks.append(track)
            numbers[row] = self.count
            self.count += 1
        return numbers[twin_of]

    def _assign(
        self,
        seconds: float,
        boxes: np.ndarray,
        looks: np.ndarray,
        rows: np.ndarray,
    ) -> Iterator[tuple[_Track, int]]:
        """Pairs of a track and a row that are one person."""
        if not self._tracks or not len(rows):
            return
        boxes, looks = boxes[rows], looks[rows]
        gaps = np.array([seconds - track.seconds for track in self._tracks])
        speeds = np.array([track.speed for track in self._tracks])
        shift = speeds * np.minimum(gaps, LONGEST_GUESS)[:, None]
        old = np.array([track.box for track in self._tracks])
        guessed = old + np.tile(shift, 2)
        overlap = np.maximum(
            iou_matrix(guessed, boxes), iou_matrix(old, boxes)
        )
        alike = np.array([track.look for track in self._tracks]) @ looks.T
        near = _near(guessed, boxes, REACH + SPEED * gaps)
        allowed = (
            (overlap >= LEAST_OVERLAP) & (alike >= self.likeness.least)
        ) | (near & (alike >= self.likeness.same))
        value = np.where(allowed, overlap + alike, FORBIDDEN)
        for k, n in zip(*linear_sum_assignment(value, maximize=True)):
            if allowed[k, n]:
                yield self._tracks[k], int(rows[n])


def _near(old: np.ndarray, new: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """(K, N) bool: close enough for ``reach`` (K,) body heights, and as tall.

    Args:
        old, new (ndarray): (K, 4) and (N, 4), xyxy, pixels.
    """
    heights = [boxes[:, 3] - boxes[:, 1] for boxes in (old, new)]
    first, second = heights[0][:, None], heights[1][None]
    as_tall = np.minimum(first, second) >= LEAST_SIZE * np.maximum(
        first, second
    )
    apart = _centres(old)[:, None] - _centres(new)[None]
    distance = np.linalg.norm(apart, axis=-1)
    return as_tall & (distance <= reach[:, None] * first)


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _twins(
    boxes: np.ndarray, scores: np.ndarray, alike: np.ndarray
) -> np.ndarray:
    """(N,) for a person found twice the row that counts, else the own one."""
    twin_of = np.arange(len(boxes))
    same = alike & (iou_matrix(boxes, boxes) >= SAME_BOX)
    for row in np.argsort(-scores, kind='stable'):
        if twin_of[row] == row:
            others = same[row] & (twin_of == np.arange(len(boxes)))
            others &= scores <= scores[row]
            twin_of[others] = row
    return twin_of
