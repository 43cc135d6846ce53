"""The order of a gallery, which settles ties between similar detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import PersonBoxes, SearchProtocol

from ..settings import SearchSettings
from .box_matching import Candidates

# Ties below the longest top-k list change no score.
DECISIVE = 10


def descending(values: np.ndarray, ties: str) -> np.ndarray:
    """The places of some values, the greatest first.

    Args:
        values (ndarray): (N,) float.
        ties (str): ``stable``: equal values keep their order; ``numpy``: they
            take the order that ``argsort(...)[::-1]`` gives them, which no
            rule describes and published scripts print.

    Returns:
        ndarray: (N,) int.
    """
    if ties == 'numpy':
        return np.argsort(values)[::-1]
    return np.argsort(-values, kind='stable')


def gallery_entries(
    protocol: SearchProtocol, query: int, weights: np.ndarray, duplicates: str
) -> np.ndarray:
    """The images of a gallery in the order of the dataset.

    Listed images come first, in their order, then all others by number.

    Args:
        protocol (SearchProtocol): whose query it is.
        query (int): number of the query.
        weights (ndarray): how often each image stands in the gallery, (I,)
            int.
        duplicates (str): as in the settings; ``skip`` names an image once
            that is listed twice.

    Returns:
        ndarray: the image of each gallery entry, (E,) int.
    """
    listed = protocol.listed(query)
    if duplicates == 'skip':
        _, first = np.unique(listed, return_index=True)
        listed = listed[np.sort(first)]
    rest = np.flatnonzero(weights)
    if len(listed):
        rest = rest[~np.isin(rest, listed)]
        # The gallery filter takes images out that a list names.
        listed = listed[weights[listed] > 0]
    return np.concatenate([listed, rest])


@dataclass
class GalleryOrder:
    """The gallery of one query in the order of the dataset.

    It is needed only where detections are equally similar and a score depends
    on which of them comes first.

    Args:
        protocol (SearchProtocol): whose query it is.
        candidates (Candidates): detections that may find the person.
        boxes (PersonBoxes): the G detections of the gallery.
        image_of (ndarray): image of each, (G,) int.
        settings (SearchSettings): which order equal ones take.
        query (int): number of the query.
        similarities (ndarray): of the query with each, (G,) float.
        weights (ndarray): how often each image stands in the gallery, (I,)
            int.
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
        """Similarities in gallery order, and where the hits stand there.

        Args:
            hit_entries (ndarray): right answer that each hit finds, (H,) int,
                counted within the query.

        Returns:
            tuple: (N,) float similarities, (H,) int places of the hits.
        """
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
        """The detections of an image with the person, most similar first."""
        order = descending(self.similarities[members], self.settings.ties)
        return members[order]

    def ranks(
        self,
        hits: np.ndarray,
        hit_entries: np.ndarray,
        above: np.ndarray,
        counts: np.ndarray,
    ) -> np.ndarray:
        """The places of hits in the ranked list, ties settled by this order.

        Args:
            hits (ndarray): detections that are hits, (H,) int, most similar
                first.
            hit_entries (ndarray): right answer that each finds, (H,) int,
                counted within the query.
            above (ndarray): how many detections are more similar than each
                hit, (H,) int.
            counts (ndarray): how many are at least as similar, (H,) int.

        Returns:
            ndarray: (H,) int; 1 is the first place.
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
        """The places (H,) where this order is the order of the detections."""
        ranks = above + 1
        for place, hit in enumerate(hits):
            before = np.flatnonzero(
                self.similarities[:hit] == self.similarities[hit]
            )
            ranks[place] += (self.weights[self.image_of[before]] > 0).sum()
        return ranks
