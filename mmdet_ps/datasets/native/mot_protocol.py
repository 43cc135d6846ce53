"""Queries and galleries out of labelled video, for sets that publish none."""

from __future__ import annotations

import numpy as np

from mmdet_ps.structures import SearchProtocol

from .mot import DEFAULTS, MotOptions
from .protocols import exact_xywh, offsets_of
from .records import ImageRecord, NativeSet, Note


def make_protocols(
    native: NativeSet, options: MotOptions = DEFAULTS
) -> list[SearchProtocol]:
    """Make one protocol: find a person of the test set some seconds away.

    Every person is a query once in ``apart`` seconds. The gallery is every
    image but those of the same sequence that are less than ``apart`` seconds
    away: frames beside the query show nearly the same picture, and finding
    the person there says nothing. A query whose person is in no gallery
    image is left out.

    Args:
        native (NativeSet): The finished set; takes a note and a count of the
            queries.
        options (MotOptions): The seconds of ``apart``.

    Returns:
        list[SearchProtocol]: The protocol ``apart-<seconds>s``; empty where
        no query is left.
    """
    records = native.split('test').records
    videos = _numbered([record.extra['video'] for record in records])
    seconds = np.array([record.extra['seconds'] for record in records])
    sightings = _sightings(records)
    queries, relevant, galleries = [], [], []
    asked = 0
    for person, seen in sorted(sightings.items()):
        for image, row in _spaced(seen, videos, seconds, options.apart):
            asked += 1
            near = (videos == videos[image]) & (
                np.abs(seconds - seconds[image]) < options.apart - 1e-3
            )
            near[image] = True
            right = [(k, other) for k, other in seen if not near[k]]
            if not right:
                continue
            queries.append((image, person, records[image].boxes[row]))
            relevant.append(right)
            galleries.append(np.flatnonzero(~near))
    if len(queries) < asked:
        native.notes.append(
            Note(
                f'person not seen {options.apart:g} s away from the query',
                f'{asked - len(queries)} of {asked} queries',
                'left out; --option apart=SECONDS changes it',
            )
        )
    native.facts['queries'] = len(queries)
    if not queries:
        return []
    return [_protocol(records, videos, queries, relevant, galleries, options)]


def _protocol(
    records: list[ImageRecord],
    videos: np.ndarray,
    queries: list[tuple],
    relevant: list[list[tuple[int, int]]],
    galleries: list[np.ndarray],
    options: MotOptions,
) -> SearchProtocol:
    entries = [entry for right in relevant for entry in right]
    boxes = np.array([records[image].boxes[row] for image, row in entries])
    return SearchProtocol(
        f'apart-{options.apart:g}s',
        [record.img_path for record in records],
        [image for image, _, _ in queries],
        [person for _, person, _ in queries],
        exact_xywh(np.array([box for _, _, box in queries])),
        offsets_of(relevant),
        [image for image, _ in entries],
        exact_xywh(boxes),
        scope='listed',
        image_groups=videos,
        gallery_offsets=offsets_of(galleries),
        gallery_images=np.concatenate(galleries),
        image_sizes=[(record.width, record.height) for record in records],
        dataset='mot',
    )


def _sightings(
    records: list[ImageRecord],
) -> dict[int, list[tuple[int, int]]]:
    """Person -> (image, row) of the first box in every image."""
    found: dict[int, dict[int, int]] = {}
    for k, record in enumerate(records):
        for row, person in enumerate(record.person_ids):
            if person >= 0:
                found.setdefault(int(person), {}).setdefault(k, row)
    return {person: list(seen.items()) for person, seen in found.items()}


def _spaced(
    seen: list[tuple[int, int]],
    videos: np.ndarray,
    seconds: np.ndarray,
    apart: float,
) -> list[tuple[int, int]]:
    """Sightings that are ``apart`` seconds from the one before."""
    chosen: list[tuple[int, int]] = []
    for image, row in seen:
        last = chosen[-1][0] if chosen else None
        if (
            last is None
            or videos[last] != videos[image]
            or seconds[image] - seconds[last] >= max(apart, 1e-3) - 1e-3
        ):
            chosen.append((image, row))
    return chosen


def _numbered(names: list[str]) -> np.ndarray:
    """(N,) int64, equal where the names are."""
    numbers = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
