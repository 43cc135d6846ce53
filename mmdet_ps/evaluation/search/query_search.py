"""The ranking of single queries of one protocol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import Ranking, SearchProtocol, SearchResults

from ..settings import SearchSettings
from .box_matching import Candidates, find_candidates, ragged_pairs
from .gallery import Gallery
from .gallery_order import GalleryOrder, gallery_entries
from .query_embeddings import embed_queries, query_boxes_of
from .reranking import QueryContext
from .scene_filter import filter_of


@dataclass
class QuerySearch:
    """One protocol, ready to rank any of its queries.

    Args:
        protocol (SearchProtocol): queries, galleries and right answers.
        results (SearchResults): what the model gave.
        gallery (Gallery): the detections above the threshold.
        settings (SearchSettings): how to score.
        top_k (int): places of each list that are kept for pictures.
    """

    protocol: SearchProtocol
    results: SearchResults
    gallery: Gallery
    settings: SearchSettings
    top_k: int

    def __post_init__(self) -> None:
        self.query_parts, self.query_rows, self.found = embed_queries(
            self.protocol, self.results, self.settings
        )
        self.query_bboxes = query_boxes_of(self.protocol, self.settings)
        self.candidates: Candidates = find_candidates(
            self.protocol, self.gallery.boxes, self.settings
        )
        self.filter = filter_of(
            self.settings,
            self.results,
            self.query_parts,
            self.protocol.query_images,
        )

    def _context(
        self, query: int, image_scores: np.ndarray | None
    ) -> QueryContext:
        matched = self.settings.query_embedding == 'matched-detection'
        return QueryContext(
            {part: rows[query] for part, rows in self.query_parts.items()},
            self.query_bboxes[query],
            int(self.protocol.query_images[query]),
            int(self.query_rows[query]) if matched else -1,
            image_scores,
        )

    def rank(
        self, query: int, similarities: np.ndarray, parts: tuple[str, ...]
    ) -> Ranking:
        """The ranking of one query.

        Args:
            query (int): number of the query.
            similarities (ndarray): with all detections, (G,) float.
            parts (tuple): which parts of the embeddings they come from.
        """
        protocol, settings = self.protocol, self.settings
        weights = protocol.image_weights(query)
        if settings.duplicates == 'skip':
            weights = np.minimum(weights, 1)
        entries = protocol.relevant(query)
        images = protocol.relevant_images[entries]
        counted = weights[images] > 0
        amounts = (
            protocol.relevant_counts[entries]
            if settings.count_relevant == 'box'
            else counted
        )
        num_relevant = int(amounts[counted].sum())
        missing = not self.found[query]
        usable = counted & (not missing)
        if settings.duplicates == 'skip':
            usable = usable & ~self.candidates.repeated[entries]
        image_scores = None
        if self.filter:
            image_scores, kept = self.filter(query)
            similarities = similarities * image_scores[self.gallery.image_of]
            weights = weights * kept
            usable = usable & kept[images]
        if self.gallery.reranker and not missing:
            members = self._members(query, weights)
            similarities = self.gallery.reranker(
                self._context(query, image_scores),
                similarities,
                members,
                parts,
            )
        hits, hit_entries = self._hits(entries, similarities, usable)
        ranks, counts = self._places(
            query, similarities, weights, hits, hit_entries
        )
        return Ranking(
            ranks,
            counts,
            num_relevant,
            query=query,
            query_image=int(protocol.query_images[query]),
            query_bbox=self.query_bboxes[query],
            person_id=int(protocol.query_ids[query]),
            relevant_images=images[counted],
            relevant_bboxes=self.candidates.bboxes[entries][counted],
            skipped=num_relevant == 0
            or (missing and settings.missing_query == 'skip'),
            **self._list(similarities, weights, hits, missing),
        )

    def _members(self, query: int, weights: np.ndarray) -> np.ndarray:
        """The detections in the gallery of a query, (M,) int, in order."""
        images = gallery_entries(self.protocol, query, weights, 'skip')
        _, members = ragged_pairs(images, self.gallery.boxes.offsets)
        return members

    def _hits(
        self, entries: slice, similarities: np.ndarray, usable: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The detections that find the person, most similar first.

        Args:
            entries (slice): the right answers of the query.
            similarities (ndarray): with all detections, (G,) float.
            usable (ndarray): which right answers may be found, (r,) bool.

        Returns:
            tuple: the detections, (H,) int, and which right answer each
            finds, (H,) int, counted within the query.
        """
        found = self.candidates
        pairs = slice(
            found.offsets[entries.start], found.offsets[entries.stop]
        )
        owner = found.entries[pairs] - entries.start
        keep = usable[owner]
        owner, boxes = owner[keep], found.detections[pairs][keep]
        values = similarities[boxes]
        order = np.lexsort((boxes, -values, owner))
        owner, boxes = owner[order], boxes[order]
        first = np.ones(len(owner), bool)
        first[1:] = owner[1:] != owner[:-1]
        owner, boxes = owner[first], boxes[first]
        order = np.lexsort((boxes, -similarities[boxes]))
        return boxes[order], owner[order]

    def _places(
        self,
        query: int,
        similarities: np.ndarray,
        weights: np.ndarray,
        hits: np.ndarray,
        hit_entries: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the hits stand in the list.

        Returns:
            tuple: rank of each hit, (H,) int, ascending, and how many
            detections are at least as similar as it, (H,) int.
        """
        if not len(hits):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        values = similarities[hits]
        rivals = np.flatnonzero(similarities >= values[-1])
        times = weights[self.gallery.image_of[rivals]]
        rivals = similarities[rivals]
        rivals = (
            rivals[times > 0] if times.max() < 2 else np.repeat(rivals, times)
        )
        rivals.sort()
        above = len(rivals) - np.searchsorted(rivals, values, 'right')
        counts = len(rivals) - np.searchsorted(rivals, values, 'left')
        # Hits of one similarity stand behind one another.
        ranks = (
            above
            + 1
            + np.arange(len(hits))
            - np.searchsorted(-values, -values, 'left')
        )
        alone = np.searchsorted(-values, -values, 'right') - np.searchsorted(
            -values, -values, 'left'
        )
        if (counts - above > alone).any():
            order = GalleryOrder(
                self.protocol,
                self.candidates,
                self.gallery.boxes,
                self.gallery.image_of,
                self.settings,
                query,
                similarities,
                weights,
            )
            ranks = order.ranks(hits, hit_entries, above, counts)
        order = np.argsort(ranks, kind='stable')
        return ranks[order], counts[order]

    def _list(
        self,
        similarities: np.ndarray,
        weights: np.ndarray,
        hits: np.ndarray,
        missing: bool,
    ) -> dict:
        """The first places of the list, every detection once."""
        if self.top_k == 0 or missing:
            return {}
        boxes = self.gallery.boxes
        inside = weights[self.gallery.image_of] > 0
        count = int(inside.sum())
        members = np.flatnonzero(inside)
        if count > self.top_k:
            values = similarities[members]
            last = np.partition(values, count - self.top_k)[count - self.top_k]
            members = members[values >= last]
        order = np.argsort(-similarities[members], kind='stable')
        members = members[order][: self.top_k]
        return dict(
            num_candidates=count,
            images=self.gallery.image_of[members],
            bboxes=boxes.bboxes[members],
            scores=boxes.scores[members],
            similarities=similarities[members],
            is_hit=np.isin(members, hits),
        )
