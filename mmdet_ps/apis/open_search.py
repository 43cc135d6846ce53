"""One person in a gallery index, who may well not be there."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..structures.boxes import iou_matrix
from .frames import Frame
from .gallery_index import GalleryIndex

# Fewer pairs of different persons say little about a rare false alarm.
LEAST_PAIRS = 100
FALLBACK_THRESHOLD = 0.5
MOST_FRAMES = 20_000  # that the threshold is taken from
# Of an answer as a row, see ``Answer.row``.
COLUMNS = (
    'rank', 'similarity', 'accepted', 'path', 'frame', 'seconds', 'x1', 'y1',
    'x2', 'y2', 'score', 'track', 'start', 'end', 'sightings',
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One person of the gallery, as an answer to a query.

    Args:
        rank: 1 for the most similar.
        similarity: Cosine of the two embeddings.
        accepted: Whether the similarity reaches the threshold.
        frame: Where the person was seen; of a track, its best picture.
        bbox: xyxy in pixels of the frame.
        score: Score of the detection.
        track: Number of the track, -1 where persons are not linked.
        start, end: Seconds in the video at which the track begins and ends;
            -1 in a picture.
        sightings: Number of frames of the track.
    """

    rank: int
    similarity: float
    accepted: bool
    frame: Frame
    bbox: tuple[float, ...]
    score: float
    track: int = -1
    start: float = -1.0
    end: float = -1.0
    sightings: int = 1

    def row(self) -> dict:
        """The answer as a flat row for JSON and CSV."""
        x1, y1, x2, y2 = (round(value, 1) for value in self.bbox)
        return dict(
            rank=self.rank,
            similarity=round(self.similarity, 4),
            accepted=self.accepted,
            path=self.frame.path,
            frame=self.frame.index,
            seconds=self.frame.seconds,
            x1=x1,
            y1=y1,
            x2=x2,
            y2=y2,
            score=round(self.score, 4),
            track=self.track,
            start=self.start,
            end=self.end,
            sightings=self.sightings,
        )


def find_person(
    index: GalleryIndex,
    embedding: np.ndarray,
    threshold: float,
    top_k: int = 10,
    per_frame: bool = True,
    queries: Sequence[tuple[Frame, np.ndarray]] = (),
) -> list[Answer]:
    """The most similar persons of the gallery.

    Args:
        index: The gallery.
        embedding: (D,) unit vector of the person looked for.
        threshold: Least similarity that counts as the same person.
        top_k: Greatest number of answers.
        per_frame: Only the best person of each frame: nobody is twice in
            one frame.
        queries: Frames and xyxy boxes that the embedding is from. That
            person in such a frame is no answer.
    """
    order, similarities = index.search(embedding)
    answers: list[Answer] = []
    seen: set[Frame] = set()
    for person, similarity in zip(order, similarities):
        frame = index.frames[index.frame_of[person]]
        bbox = index.bboxes[person]
        if per_frame and frame in seen:
            continue
        if any(
            same_frame(frame, asked) and iou_matrix(bbox, box)[0, 0] >= 0.5
            for asked, box in queries
        ):
            continue
        seen.add(frame)
        answers.append(
            Answer(
                rank=len(answers) + 1,
                similarity=float(similarity),
                accepted=bool(similarity >= threshold),
                frame=frame,
                bbox=tuple(map(float, bbox)),
                score=float(index.scores[person]),
                start=frame.seconds,
                end=frame.seconds,
            )
        )
        if len(answers) == top_k:
            break
    return answers


def threshold_from_gallery(
    index: GalleryIndex, false_alarms: float = 0.001
) -> tuple[float, int]:
    """A similarity that different persons seldom reach.

    Two persons in the same frame are different people, so every gallery
    carries its own examples of what a wrong answer looks like.

    Args:
        index: The gallery.
        false_alarms: Share of such pairs that may reach the threshold.

    Returns:
        The threshold, and the number of pairs it rests on. With fewer than
        ``LEAST_PAIRS`` pairs it is ``FALLBACK_THRESHOLD``.
    """
    return threshold_of(strangers(index), false_alarms)


def threshold_of(
    pairs: np.ndarray, false_alarms: float = 0.001
) -> tuple[float, int]:
    """As :func:`threshold_from_gallery`, from given similarities.

    Args:
        pairs: (N,) similarities of pairs of different persons.
        false_alarms: Share of them that may reach the threshold.
    """
    if len(pairs) < LEAST_PAIRS:
        return FALLBACK_THRESHOLD, len(pairs)
    return float(np.quantile(pairs, 1 - false_alarms)), len(pairs)


def strangers(
    index: GalleryIndex,
    most: int = MOST_FRAMES,
    spans: list[tuple[int, int]] | None = None,
) -> np.ndarray:
    """Similarities of the pairs of persons that share a frame.

    Overlapping boxes are left out: they may be one person found twice.

    Args:
        index: The gallery.
        most: Look at no more frames than that, spread evenly.
        spans: First person of each frame to look at, and the one behind the
            last; by default of all frames.

    Returns:
        (N,) float32 cosines, one per pair.
    """
    found = []
    spans = runs(index.frame_of) if spans is None else spans
    for start, end in spread(spans, most):
        vectors, boxes = index.embeddings[start:end], index.bboxes[start:end]
        apart = iou_matrix(boxes, boxes) < 0.1
        upper = np.triu(apart, k=1)
        found.append((vectors @ vectors.T)[upper])
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def same_frame(first: Frame, second: Frame) -> bool:
    """Whether two frames are one, however their paths are written."""
    return first.index == second.index and os.path.realpath(
        first.path
    ) == os.path.realpath(second.path)


def spread(items: list, most: int) -> list:
    """No more than ``most`` of the items, evenly chosen."""
    return items[:: max(1, -(-len(items) // most))]


def runs(frame_of: np.ndarray) -> list[tuple[int, int]]:
    """(start, end) of the persons of each frame; frames are in order."""
    edges = np.flatnonzero(np.diff(frame_of)) + 1
    starts = np.concatenate([[0], edges])
    ends = np.concatenate([edges, [len(frame_of)]])
    return [(int(a), int(b)) for a, b in zip(starts, ends) if b > a]
