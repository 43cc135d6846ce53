"""Footage that has been indexed and linked, ready to be asked for persons."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmdet_ps.utils.errors import UserError

from .footage import Footage
from .gallery_index import GalleryIndex, model_mark
from .gallery_store import GalleryStore
from .indexing import index_footage
from .linking import MAX_GAP, Tracks, link_gallery
from .open_search import (
    LEAST_PAIRS,
    Answer,
    find_person,
    threshold_from_gallery,
)
from .queries import EmbeddedQuery
from .sampling import Sampling
from .track_cache import TrackCache
from .track_search import find_tracks, threshold_from_tracks
from .vector_search import VectorSearch, choose_search

if TYPE_CHECKING:
    from torch import nn

UNITS = ('track', 'frame', 'detection')


@dataclass(frozen=True)
class Threshold:
    """Least similarity of the same person, and where it comes from.

    Args:
        value (float): The cosine of two embeddings, in [-1, 1].
        origin (str): Where it comes from, in words.
    """

    value: float
    origin: str


@dataclass
class FootageSearch:
    """The persons of footage as tracks.

    Args:
        gallery (GalleryIndex): The persons.
        tracks (Tracks): Their tracks.
        search (VectorSearch): Over the tracks' mean looks.
    """

    gallery: GalleryIndex
    tracks: Tracks
    search: VectorSearch

    @classmethod
    def over(
        cls,
        gallery: GalleryIndex,
        max_gap: float = MAX_GAP,
        linker: str = 'own',
        kind: str = 'auto',
        index_file: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> FootageSearch:
        """Link a gallery and make it searchable.

        Args:
            gallery (GalleryIndex): The persons.
            max_gap (float): Seconds a person may go unseen in a track.
            linker (str): See ``link_gallery``.
            kind (str): See ``choose_search``.
            index_file (Path): The gallery's file; tracks and an index of
                FAISS are kept beside it.
            say (Callable): Takes a sentence on how it is searched.
        """
        tracks_file = beside(index_file, 'tracks')
        tracks = link_gallery(
            gallery,
            max_gap=max_gap,
            linker=linker,
            cache=TrackCache(tracks_file, say),
        )
        search = choose_search(
            tracks.means, kind, beside(index_file, 'faiss'), say
        )
        return cls(gallery, tracks, search)

    def threshold(
        self, false_alarms: float = 0.001, unit: str = 'track'
    ) -> Threshold:
        """The similarity that different persons of this footage seldom reach.

        Args:
            false_alarms (float): Share of pairs of different persons that
                may reach it.
            unit (str): As of :meth:`find`. ``track`` compares persons with
                the mean embeddings of tracks, the others compare persons
                with each other.
        """
        if unit == 'track':
            value, pairs = threshold_from_tracks(
                self.gallery, self.tracks, false_alarms
            )
        else:
            value, pairs = threshold_from_gallery(self.gallery, false_alarms)
        origin = f'from {pairs} pairs of different persons'
        if pairs < LEAST_PAIRS:
            origin = f'fixed: only {pairs} pairs of different persons seen'
        return Threshold(value, origin)

    def find(
        self,
        query: EmbeddedQuery,
        threshold: float,
        top_k: int = 10,
        unit: str = 'track',
    ) -> list[Answer]:
        """The persons most like the one asked for.

        Args:
            query (EmbeddedQuery): From ``embed_query``.
            threshold (float): Least similarity of the same person.
            top_k (int): Greatest number of answers.
            unit (str): One answer per ``track``, per ``frame``, or for every
                ``detection``.

        Returns:
            list[Answer]: The most similar first.

        Raises:
            UserError: There is no such unit.
        """
        sightings = list(zip(query.frames, query.boxes))
        if unit == 'track':
            return find_tracks(
                self.gallery,
                self.tracks,
                self.search,
                query.embedding,
                threshold,
                top_k,
                sightings,
            )
        if unit not in UNITS:
            raise UserError(f'unit {unit!r}: write one of {", ".join(UNITS)}')
        return find_person(
            self.gallery,
            query.embedding,
            threshold,
            top_k,
            per_frame=unit == 'frame',
            queries=sightings,
        )


def beside(path: Path | None, suffix: str) -> Path | None:
    """Name of a file beside the gallery's: ``<name>.<suffix>``.

    None where the gallery is not kept in a file (``path`` is None).
    """
    return path and path.with_name(f'{path.name}.{suffix}')


def _held(
    store: GalleryStore, names: Sequence[str], say: Callable[[str], None]
) -> list[str]:
    """The files of a gallery that are named, however their paths are."""
    paths = {os.path.abspath(path): path for path in store.sources}
    found = []
    for name in names:
        if os.path.abspath(name) in paths:
            found.append(paths[os.path.abspath(name)])
        else:
            say(f'{name} is not in {store.path}, and cannot be taken out')
    return found


def index_into(
    path: Path,
    model: nn.Module,
    footage: Footage,
    score_thr: float = 0.3,
    sampling: Sampling = Sampling(),  # noqa: B008
    batch_size: int = 1,
    progress: Callable[[int], None] = lambda frames: None,
    say: Callable[[str], None] = print,
    remove: Sequence[str] = (),
) -> GalleryIndex:
    """The gallery of some footage, kept in a file and extended there.

    Args:
        path (Path): The gallery's file; it may hold other footage as well.
        model: From ``init_model``.
        footage (Footage): What is searched.
        score_thr, sampling, batch_size, progress: See ``index_footage``.
        say (Callable): Takes a sentence where something had to be mended.
        remove (Sequence[str]): Files to take out of the gallery before; of
            those that it does not hold, ``say`` tells.

    Returns:
        GalleryIndex: The part of the gallery that the footage makes up.

    Raises:
        UserError: Another run is writing the same gallery.
    """
    with GalleryStore(path, model_mark(model, score_thr), say) as store:
        if remove:
            store.remove(_held(store, remove, say))
        index_footage(
            model, footage, store, score_thr, sampling, batch_size, progress
        )
        tracks = TrackCache(beside(path, 'tracks'), say)
        tracks.keep(store.sources)
        tracks.save()
        return store.gallery([*footage.pictures, *footage.videos])
