"""From embeddings and a protocol to one Ranking per query.

All protocols and branches of a dataset are served by one pass over the
queries: similarities are computed for a block of queries at a time, and only
what a Ranking holds is kept, so that memory does not grow with the product of
queries and detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmdet_ps.structures import (
    PersonBoxes,
    Ranking,
    SearchProtocol,
    SearchResults,
)

from ..settings import SearchSettings
from .box_matching import Candidates, find_candidates
from .query_embeddings import embed_queries, inverse_norms, query_boxes_of
from .reranking import Reranker
from .ties import Tie, tied_ranks

# Bytes for one block of similarities; the sorts around it need as much again.
BLOCK_BYTES = 128 << 20
RankingTable = dict[tuple[str, str], list[Ranking]]


def rank(
    protocol: SearchProtocol,
    results: SearchResults,
    settings: SearchSettings | None = None,
    top_k: int = 10,
    branch: str | None = None,
    device: str = 'cpu',
) -> list[Ranking]:
    """Rankings of all queries of one protocol, with the first ``top_k``.

    Args:
        protocol: Queries and galleries.
        results: Detections (and given boxes) of the images of the protocol.
        settings: How to score; ours by default.
        top_k: Places of each list that are kept for pictures.
        branch: Feature set; the last of ``results.branches`` by default.
        device: Where similarities are computed.
    """
    branch = branch or list(results.branches)[-1]
    return rank_all([protocol], results, settings, top_k, [branch], device)[
        branch, protocol.name
    ]


def rank_all(
    protocols: Sequence[SearchProtocol],
    results: SearchResults,
    settings: SearchSettings | None = None,
    top_k: int = 0,
    branches: Sequence[str] | None = None,
    device: str = 'cpu',
) -> RankingTable:
    """Rankings by (branch, protocol name), from one pass over the queries."""
    settings = settings or SearchSettings()
    if settings.gt_boxes:
        if results.given is None or not results.given.embeddings:
            raise ValueError(
                'the results hold no embeddings of annotated '
                'boxes, so --gt-boxes cannot be scored'
            )
        results = SearchResults(results.given, results.given)
    _check_images(protocols, results)
    chosen = {
        name: parts
        for name, parts in results.branches.items()
        if branches is None or name in branches
    }
    mask = results.detections.scores >= settings.score_thr
    gallery = _Gallery(results.detections.keep(mask), settings, device)
    searches = [
        _Search(protocol, results, gallery, settings, top_k)
        for protocol in protocols
    ]
    queries = _QueryTable(searches)
    table = {
        (branch, protocol.name): [None] * protocol.num_queries
        for branch in chosen
        for protocol in protocols
    }
    for rows in queries.blocks(len(gallery.boxes), len(chosen)):
        similarity = gallery.similarities(queries.embeddings(rows), chosen)
        for place, row in enumerate(rows):
            for search, query in queries.users[row]:
                for branch in chosen:
                    table[branch, search.protocol.name][query] = search.rank(
                        query, similarity[branch][place], chosen[branch]
                    )
    return table


def _check_images(protocols, results) -> None:
    for protocol in protocols:
        if len(protocol.images) != results.detections.num_images:
            raise ValueError(
                f'the results hold {results.detections.num_images} images '
                f'but protocol {protocol.name!r} has {len(protocol.images)}; '
                'were they written for another dataset or split?'
            )


class _Gallery:
    """Detections that are searched, and their similarities to queries."""

    def __init__(
        self, boxes: PersonBoxes, settings: SearchSettings, device: str
    ) -> None:
        self.boxes, self.device = boxes, device
        self.image_of = boxes.image_of
        self.factors, self.vectors = {}, {}
        for part, embeddings in boxes.embeddings.items():
            factors = inverse_norms(embeddings)
            if settings.confidence_weighted:
                factors = factors * boxes.scores
            self.factors[part] = torch.from_numpy(factors).to(device)
            self.vectors[part] = torch.from_numpy(
                np.ascontiguousarray(embeddings)
            ).to(device)

    def similarities(
        self,
        queries: dict[str, np.ndarray],
        branches: dict[str, tuple[str, ...]],
    ) -> dict[str, np.ndarray]:
        """(B, G) float32 per branch, from unit queries (B, D) per part."""
        needed = {part for parts in branches.values() for part in parts}
        single = {}
        for part in needed:
            query = torch.from_numpy(queries[part]).to(self.device)
            block = query @ self.vectors[part].T
            single[part] = block.mul_(self.factors[part]).cpu().numpy()
        return {
            branch: single[parts[0]]
            if len(parts) == 1
            else np.sum([single[part] for part in parts], axis=0)
            for branch, parts in branches.items()
        }


class _QueryTable:
    """The distinct queries of several protocols, and who asks them."""

    def __init__(self, searches: Sequence[_Search]) -> None:
        rows: dict[tuple, int] = {}
        self.users: list[list[tuple[_Search, int]]] = []
        for search in searches:
            protocol = search.protocol
            keys = zip(
                protocol.query_images.tolist(),
                protocol.query_ids.tolist(),
                map(bytes, protocol.query_boxes),
            )
            for query, key in enumerate(keys):
                row = rows.setdefault(key, len(rows))
                if row == len(self.users):
                    self.users.append([])
                self.users[row].append((search, query))

    def embeddings(self, rows: range) -> dict[str, np.ndarray]:
        """(B, D) float32 per part for some rows of the table."""
        owners = [self.users[row][0] for row in rows]
        return {
            part: np.stack(
                [search.query_parts[part][query] for search, query in owners]
            )
            for part in owners[0][0].query_parts
        }

    def blocks(self, columns: int, branches: int):
        """Ranges of rows whose similarities fit the memory set aside."""
        size = BLOCK_BYTES // max(1, 4 * columns * (branches + 1))
        size = int(np.clip(size, 1, 256))
        for start in range(0, len(self.users), size):
            yield range(start, min(start + size, len(self.users)))


@dataclass
class _Search:
    """One protocol, ready to rank any of its queries."""

    protocol: SearchProtocol
    results: SearchResults
    gallery: _Gallery
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
        self.reranker = Reranker.build(
            self.settings, self.gallery.boxes, self.gallery.image_of
        )

    def rank(
        self, query: int, similarities: np.ndarray, parts: tuple[str, ...]
    ) -> Ranking:
        """The ranking of a query from (G,) similarities."""
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
        if self.reranker and not missing:
            similarities = self.reranker(
                self, query, similarities, weights, parts
            )
        usable = counted & (not missing)
        if settings.duplicates == 'skip':
            usable = usable & ~self.candidates.repeated[entries]
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

    def _hits(
        self, entries: slice, similarities: np.ndarray, usable: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(H,) detections that find the person, most similar first.

        With the relevant entry (counted from the query's first) of each.
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
        """Rank of each hit (H,), and detections at least as similar (H,)."""
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
            ranks = tied_ranks(
                Tie(
                    self.protocol,
                    self.gallery.boxes,
                    self.gallery.image_of,
                    self.settings,
                    query,
                    similarities,
                    weights,
                ),
                hits,
                hit_entries,
                above,
                counts,
            )
        order = np.argsort(ranks, kind='stable')
        return ranks[order], counts[order]

    def _list(
        self,
        similarities: np.ndarray,
        weights: np.ndarray,
        hits: np.ndarray,
        missing: bool,
    ) -> dict:
        """The first places of the list, each detection once."""
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
