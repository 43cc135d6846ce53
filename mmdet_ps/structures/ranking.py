"""The ranked list of one query: scores, tables and pictures start from it."""

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
    The list itself is kept for its first K places only.

    Args:
        hit_ranks: (H,) place of each hit in the list, 1 = first, ascending.
        hit_counts: (H,) detections at least as similar as the hit; equals
            the rank unless detections tie.
        num_relevant: Gallery entries that show the person, found or not.
        num_candidates: Detections in the gallery of this query.
        images: (K,) index of the image, ``protocol.images[images[k]]``.
        bboxes: (K, 4) xyxy in pixels of the image.
        scores: (K,) detection scores.
        similarities: (K,) descending.
        is_hit: (K,) bool, right or wrong.
        query: Index of the query in the protocol.
        query_image: Index of its image.
        query_bbox: (4,) xyxy.
        person_id: Whom the query shows.
        relevant_images: (R,) images of the gallery that show the person.
        relevant_bboxes: (R, 4) xyxy, the person's box in each.
        skipped: The query takes no part in the mean (nothing to find, or no
            detection in the query image where the rules say so).
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
        """A ranking from a whole list, in any order.

        Args:
            similarities: (G,) of all detections in the gallery.
            is_hit: (G,) bool.
            num_relevant: Gallery entries that show the person.
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
        """Rank of the best hit, None without one."""
        return int(self.hit_ranks.min()) if len(self.hit_ranks) else None
