"""The order of a gallery, which decides where equally similar ones stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol

from ..settings import SearchSettings
from .box_matching import Candidates

# Ties below the longest top-k list change no score.
DECISIVE = 10


def descending(values: np.ndarray, ties: str) -> np.ndarray:
    """Places of ``values`` (N,), greatest first.

    Args:
        values: (N,).
        ties: ``stable``: equal values keep their order; ``numpy``: they take
            the one that ``argsort(...)[::-1]`` gives them.
    """
    if ties == 'numpy':
        return np.argsort(values)[::-1]
    return np.argsort(-values, kind='stable')


def gallery_entries(
    protocol: SearchProtocol, query: int, weights: np.ndarray, duplicates: str
) -> np.ndarray:
    """(E,) image of each gallery entry, in the order of the dataset.

    Args:
        protocol: Whose query it is.
        query: Index of the query.
        weights: (I,) how often each image stands in the gallery.
        duplicates: As in the settings; ``skip`` names each image once.
    """
    listed = protocol.listed(query)
    if duplicates == 'skip':
        _, first = np.unique(listed, return_index=True)
        listed = listed[np.sort(first)]
    rest = np.flatnonzero(weights)
    if len(listed):
        rest = rest[~np.isin(rest, listed)]
    return np.concatenate([listed, rest])


@dataclass
class GalleryOrder:
    """The gallery of one query in the order of the dataset.

    Args:
        protocol: Whose query it is.
        candidates: Detections that may find the person.
        boxes: G detections.
        image_of: (G,) image of each.
        settings: Which order equals take.
        query: Index of the query.
        similarities: (G,) of the query.
        weights: (I,) how often each image stands in the gallery.
    """

    protocol: SearchProtocol
    candidates: Candidates
    boxes: PersonBoxes
    image_of: np.ndarray
    settings: SearchSettings
    query: int
    similarities: np.ndarray
    weights: np.ndarray

    def sequence(self, hit_entries: np.ndarray) -> tuple:
        """Similarities (N,) in gallery order, and the place of each hit."""
        relevant = self.protocol.relevant(self.query)
        expected: dict[int, list[int]] = {}
        for number, image in enumerate(
            self.protocol.relevant_images[relevant].tolist()
        ):
            expected.setdefault(image, []).append(number)
        hit_of = dict(zip(hit_entries.tolist(), range(len(hit_entries))))
        values, length = [], 0
        places = np.full(len(hit_entries), -1)
        entries = gallery_entries(
            self.protocol, self.query, self.weights, self.settings.duplicates
        )
        for image in entries.tolist():
            members = np.arange(*self.boxes.offsets[image : image + 2])
            if expected.get(image):
                members = self._within(members)
                number = expected[image].pop(0)
                if number in hit_of:
                    able = self.candidates.of_entry(relevant.start + number)
                    inside = np.flatnonzero(np.isin(members, able))[0]
                    places[hit_of[number]] = length + inside
            values.append(self.similarities[members])
            length += len(members)
        return np.concatenate(values), places

    def _within(self, members: np.ndarray) -> np.ndarray:
        """Detections of a relevant image, most similar first."""
        order = descending(self.similarities[members], self.settings.ties)
        return members[order]

    def ranks(
        self,
        hits: np.ndarray,
        hit_entries: np.ndarray,
        above: np.ndarray,
        counts: np.ndarray,
    ) -> np.ndarray:
        """(H,) places of hits, 1 = first, with ties broken by this order.

        Args:
            hits: (H,) detections that are hits, most similar first.
            hit_entries: (H,) relevant entry of each, counted within the
                query.
            above: (H,) detections more similar than the hit.
            counts: (H,) detections at least as similar.
        """
        listed = len(self.protocol.listed(self.query)) > 0
        early = ((counts - above > 1) & (above < DECISIVE)).any()
        if not listed and not (early and self.settings.ties == 'numpy'):
            return self._ranks_by_number(hits, above)
        values, places = self.sequence(hit_entries)
        order = descending(values, self.settings.ties)
        ranks = np.empty(len(values), np.int64)
        ranks[order] = np.arange(1, len(values) + 1)
        return ranks[places]

    def _ranks_by_number(
        self, hits: np.ndarray, above: np.ndarray
    ) -> np.ndarray:
        """(H,) places where this order is the order of the detections."""
        ranks = above + 1
        for place, hit in enumerate(hits):
            before = np.flatnonzero(
                self.similarities[:hit] == self.similarities[hit]
            )
            ranks[place] += (self.weights[self.image_of[before]] > 0).sum()
        return ranks
