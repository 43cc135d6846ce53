"""From footage to a gallery: read, detect in batches, append, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..utils.images import read_image
from .footage import Footage
from .frames import (
    PICTURE_ERRORS,
    Frame,
    note_damage,
    open_video,
    reason_of,
)
from .gallery_index import stamp
from .gallery_store import GalleryStore
from .sampling import Sampling, due

if TYPE_CHECKING:
    from torch import nn

COMMIT_EVERY = 20.0  # seconds of work that a killed run may lose
# Of the longer to the shorter side: a line that divides a web page, scaled
# for a model, has no height left.
LONGEST_STRIP = 100


class Item(NamedTuple):
    """A frame to search, or, without image, the end of a video."""

    frame: Frame
    image: np.ndarray | None


def index_footage(
    model: nn.Module,
    footage: Footage,
    store: GalleryStore,
    score_thr: float = 0.3,
    sampling: Sampling = Sampling(),  # noqa: B008
    batch_size: int = 1,
    progress: Callable[[int], None] = lambda frames: None,
    commit_every: float | None = None,
) -> None:
    """Search the footage for persons and put them into a gallery.

    What the gallery has already is not looked at again. Only a batch of
    images is in memory at any time. What cannot be read is added to
    ``footage.skipped``.

    Args:
        model: From ``init_model``.
        footage (Footage): From ``find_footage``.
        store (GalleryStore): The gallery, made for the same model and
            ``score_thr``.
        score_thr (float): Detections of a lower score are left out.
        sampling (Sampling): Which frames of a video are looked at.
        batch_size (int): Images in one pass through the model.
        progress (Callable): Called after each pass with the number of frames
            it had.
        commit_every (float): Seconds between two commits, by default
            ``COMMIT_EVERY``.
    """
    from .inference import detect_batch  # imports MMDetection

    stamps = _stamps(footage)
    store.remove(
        path
        for path, mark in stamps.items()
        if path in store.sources and store.sources[path].stamp != mark
    )
    patience = COMMIT_EVERY if commit_every is None else commit_every
    committed = time.monotonic()
    items = _items(footage, stamps, store, sampling)
    for batch in _batches(items, batch_size):
        found = [item for item in batch if item.image is not None]
        if found:
            images = [item.image for item in found]
            rows = detect_batch(model, images, score_thr=score_thr)
            for item, persons in zip(found, rows):
                path = item.frame.path
                store.append(item.frame, stamps[path], persons)
            progress(len(found))
        for item in batch:
            if item.image is None:
                store.sources[item.frame.path].done = sampling.mark
        if time.monotonic() - committed >= patience:
            store.commit()
            committed = time.monotonic()
    store.commit()


def estimate_frames(footage: Footage, sampling: Sampling) -> int:
    """About how many frames will be looked at, by the headers of videos."""
    count = len(footage.pictures)
    for path in footage.videos:
        video = open_video(path, Footage())
        if video is None:
            continue
        with video:
            every = sampling.every or max(sampling.step * video.rate, 1)
            count += round(video.promised / every)
    return count


def _stamps(footage: Footage) -> dict[str, str]:
    """File -> mark of its state; files that are gone are skipped."""
    stamps = {}
    for path in [*footage.pictures, *footage.videos]:
        try:
            stamps[path] = stamp(Frame(path))
        except OSError as error:
            footage.skip(path, reason_of(error))
    return stamps


def _items(
    footage: Footage,
    stamps: dict[str, str],
    store: GalleryStore,
    sampling: Sampling,
) -> Iterator[Item]:
    """The frames that the gallery lacks."""
    for path in dict.fromkeys(footage.pictures):
        if path not in stamps or store.known(path):
            continue
        try:
            image = read_image(path)
        except PICTURE_ERRORS as error:
            footage.skip(path, reason_of(error))
            continue
        sides = sorted(image.shape[:2])
        if sides[1] > LONGEST_STRIP * sides[0]:
            footage.skip(path, 'a strip, too thin to show a person')
            continue
        yield Item(Frame(path), image)
    for path in dict.fromkeys(footage.videos):
        if path not in stamps:
            continue
        source = store.source(path, stamps[path])
        if source.done != sampling.mark:
            source.skipped.clear()
            yield from _video_items(path, store, sampling)
        footage.skipped += source.skipped


def _video_items(
    path: str, store: GalleryStore, sampling: Sampling
) -> Iterator[Item]:
    """The frames of one video that are due, and its end."""
    known = store.known(path)
    is_due = due(sampling.every, sampling.step)
    found = Footage()
    video = open_video(path, found)
    if video is None:  # the next run tries again: OpenCV may learn its form
        store.sources[path].skipped += found.skipped
        return
    with video:
        while video.advance():
            if not is_due(video.index, video.seconds):
                continue
            if video.index in known:
                continue
            image = video.picture()
            if image is not None:
                frame = Frame(path, video.index, video.seconds)
                yield Item(frame, image)
    note_damage(video, found)
    store.sources[path].skipped += found.skipped
    yield Item(Frame(path), None)


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Groups with so many images; order is kept."""
    batch: list[Item] = []
    images = 0
    for item in items:
        if images == size:
            yield batch
            batch, images = [], 0
        batch.append(item)
        images += item.image is not None
    if batch:
        yield batch
