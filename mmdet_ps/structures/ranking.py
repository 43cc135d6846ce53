"""The ranked list of one query, which scores, tables and pictures use."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def _empty(dtype=np.float64, shape=(0,)):
    return field(default_factory=lambda: np.zeros(shape, dtype))


@dataclass
class Ranking:
    """What a search found for one query.

    A *hit* is the detection that finds the person in one gallery entry: the
    most similar one that overlaps the person's box enough. Two numbers per
    hit are enough for average precision and top-k, whatever the size of the
    gallery: its rank, and how many detections are at least as similar.
    Only the first K places of the list itself are kept.

    Args:
        hit_ranks (ndarray): place of each hit in the list, (H,) int,
            ascending; 1 is the first place.
        hit_counts (ndarray): how many detections are at least as similar as
            each hit, the hit among them, (H,) int; the rank, unless
            detections tie.
        num_relevant (int): gallery entries that show the person, found or
            not.
        num_candidates (int): detections in the gallery of this query.
        images (ndarray): image of each place, (K,) int, an index into the
            images of the protocol.
        bboxes (ndarray): detection at each place, (K, 4) float xyxy, pixels.
        scores (ndarray): their detection scores, (K,) float.
        similarities (ndarray): their similarities, (K,) float, descending.
        is_hit (ndarray): whether each of them is a hit, (K,) bool.
        query (int): number of the query in the protocol.
        query_image (int): index of its image.
        query_bbox (ndarray): its box, (4,) float xyxy, pixels.
        person_id (int): whom it shows.
        relevant_images (ndarray): images of the gallery that show the person,
            (R,) int.
        relevant_bboxes (ndarray): the person's box in each of them, (R, 4)
            float xyxy, pixels.
        skipped (bool): whether the query takes no part in the means: there is
            nothing to find, or nothing to search with and the rules leave
            such queries out.

    Raises:
        ValueError: The arrays contradict each other.
    """

    hit_ranks: np.ndarray
    hit_counts: np.ndarray
    num_relevant: int
    num_candidates: int = 0
    images: np.ndarray = _empty(np.int64)
    bboxes: np.ndarray = _empty(shape=(0, 4))
    scores: np.ndarray = _empty()
    similarities: np.ndarray = _empty()
    is_hit: np.ndarray = _empty(bool)
    query: int = -1
    query_image: int = -1
    query_bbox: np.ndarray = _empty(shape=(4,))
    person_id: int = -1
    relevant_images: np.ndarray = _empty(np.int64)
    relevant_bboxes: np.ndarray = _empty(shape=(0, 4))
    skipped: bool = False

    def __post_init__(self) -> None:
        if len(self.hit_ranks) != len(self.hit_counts):
            raise ValueError(
                f'query {self.query}: {len(self.hit_ranks)} hit '
                f'ranks but {len(self.hit_counts)} hit counts'
            )
        if len(self.hit_ranks) > self.num_relevant:
            raise ValueError(
                f'query {self.query}: {len(self.hit_ranks)} hits '
                f'but {self.num_relevant} relevant entries'
            )
        lengths = {
            len(getattr(self, key))
            for key in ('images', 'bboxes', 'scores', 'similarities', 'is_hit')
        }
        if len(lengths) > 1:
            raise ValueError(
                f'query {self.query}: lists of lengths {sorted(lengths)}'
            )

    @classmethod
    def from_list(cls, similarities, is_hit, num_relevant: int) -> Ranking:
        """A ranking from the similarities of a whole gallery.

        Args:
            similarities (ndarray): of all detections, (G,) float, any order.
            is_hit (ndarray): whether each of them is a hit, (G,) bool.
            num_relevant (int): gallery entries that show the person.
        """
        similarities = np.asarray(similarities, np.float64)
        is_hit = np.asarray(is_hit, bool)
        if similarities.shape != is_hit.shape or similarities.ndim != 1:
            raise ValueError(
                f'{similarities.shape} similarities but '
                f'{is_hit.shape} hit flags'
            )
        order = np.argsort(-similarities, kind='stable')
        similarities, is_hit = similarities[order], is_hit[order]
        ranks = np.flatnonzero(is_hit) + 1
        counts = np.searchsorted(-similarities, -similarities[is_hit], 'right')
        count = len(similarities)
        return cls(
            ranks,
            counts,
            int(num_relevant),
            count,
            images=np.full(count, -1),
            bboxes=np.zeros((count, 4)),
            scores=np.ones(count),
            similarities=similarities,
            is_hit=is_hit,
        )

    @property
    def first_hit(self) -> int | None:
        """The rank of the best hit; None if the person is never found."""
        return int(self.hit_ranks.min()) if len(self.hit_ranks) else None
