"""One person among tracks: one answer per person, not one per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..structures.boxes import iou_matrix
from .frames import Frame
from .gallery_index import GalleryIndex
from .linking import Tracks
from .open_search import (
    MOST_FRAMES,
    Answer,
    runs,
    same_frame,
    spread,
    threshold_of,
)
from .vector_search import VectorSearch

Sighting = tuple[Frame, np.ndarray]
SHARED = 0.25  # of a track's frames, and it is another person's
SPARE = 5  # tracks looked at per answer, since some may be the query itself


def find_tracks(
    gallery: GalleryIndex,
    tracks: Tracks,
    search: VectorSearch,
    embedding: np.ndarray,
    threshold: float,
    top_k: int = 10,
    queries: Sequence[Sighting] = (),
) -> list[Answer]:
    """The tracks of the persons who look most like the one asked for.

    A track's similarity is that of its mean look; its picture is the most
    similar of its detections. Nobody is in two places at once: of the
    persons in one picture only the most similar is an answer, and a track is
    not accepted if it shares a good part of its frames with better ones that
    are. (A single shared frame is often one person found twice.)

    Args:
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their T tracks.
        search (VectorSearch): Over ``tracks.means``.
        embedding (ndarray): (D,) unit vector of the person asked for.
        threshold (float): Least similarity that counts as the same person.
        top_k (int): Greatest number of answers.
        queries (list): Frames and xyxy boxes that the embedding is from.
            They are no answers; a track that shows the person elsewhere,
            too, is one.
    """
    embedding = np.asarray(embedding, np.float32).reshape(-1)
    wanted = min(SPARE * top_k + len(queries), len(tracks))
    found, similarities = search.nearest(embedding[None], wanted)
    answers: list[Answer] = []
    taken: set[int] = set()  # frames of pictures and of accepted tracks
    for track, similarity in zip(found[0].tolist(), similarities[0]):
        if track < 0:  # an index may find fewer than wanted
            continue
        rows = _without(gallery, tracks.members(track), queries)
        if not len(rows):
            continue
        alike = np.asarray(gallery.embeddings[rows]) @ embedding
        best = rows[int(alike.argmax())]
        frame = gallery.frames[gallery.frame_of[best]]
        frames = set(gallery.frame_of[rows].tolist())
        elsewhere = len(frames & taken) >= SHARED * len(frames)
        if elsewhere and frame.index < 0:
            continue
        accepted = bool(similarity >= threshold) and not elsewhere
        if accepted or frame.index < 0:
            taken |= frames
        answers.append(
            Answer(
                rank=len(answers) + 1,
                similarity=float(similarity),
                accepted=accepted,
                frame=frame,
                bbox=tuple(map(float, gallery.bboxes[best])),
                score=float(gallery.scores[best]),
                track=track,
                start=float(tracks.start[track]),
                end=float(tracks.end[track]),
                sightings=len(frames),
            )
        )
        if len(answers) == top_k:
            break
    return answers


def _without(
    gallery: GalleryIndex, rows: np.ndarray, queries: Sequence[Sighting]
) -> np.ndarray:
    """The rows that are not the query itself."""
    for frame, box in queries:
        is_query = [
            same_frame(gallery.frames[gallery.frame_of[row]], frame)
            and iou_matrix(gallery.bboxes[row], box)[0, 0] >= 0.5
            for row in rows
        ]
        rows = rows[~np.array(is_query, bool)]
    return rows


def threshold_from_tracks(
    gallery: GalleryIndex, tracks: Tracks, false_alarms: float = 0.001
) -> tuple[float, int]:
    """A similarity that a person seldom has with the track of another one.

    Args:
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        false_alarms (float): Share of pairs of a person and the track of
            another one that may reach it.

    Returns:
        tuple[float, int]: The threshold, and the number of pairs it rests
        on. With fewer than ``LEAST_PAIRS`` pairs it is
        ``FALLBACK_THRESHOLD``.
    """
    found = [np.zeros(0, np.float32)]
    for start, end in spread(runs(gallery.frame_of), MOST_FRAMES):
        boxes = gallery.bboxes[start:end]
        of = tracks.track_of[start:end]
        apart = iou_matrix(boxes, boxes) < 0.1
        apart &= of[:, None] != of[None]
        looks = np.asarray(gallery.embeddings[start:end])
        found.append((looks @ tracks.means[of].T)[apart])
    return threshold_of(np.concatenate(found), false_alarms)
