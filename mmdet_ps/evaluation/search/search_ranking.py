"""From embeddings and a protocol to one Ranking per query.

All protocols and branches of a dataset are served by one pass over the
queries: similarities are computed for a block of queries at a time, and only
what a Ranking holds is kept, so that memory does not grow with the product of
queries and detections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mmdet_ps.structures import Ranking, SearchProtocol, SearchResults
from mmdet_ps.utils.errors import UserError

from ..settings import SearchSettings
from .gallery import Gallery
from .query_search import QuerySearch

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
    """Rank every query of one protocol.

    Args:
        protocol (SearchProtocol): queries, galleries and right answers.
        results (SearchResults): detections, and annotated boxes where they
            are needed, of the images of the protocol.
        settings (SearchSettings): how to score; by default as new work should
            be.
        top_k (int): places of each list that are kept for pictures.
        branch (str): name of the feature set; by default the last one, which
            joins all.
        device (str): where similarities are computed; ``cpu``, or what torch
            takes.

    Returns:
        list[Ranking]: one per query.

    Raises:
        UserError: The results are those of other images, or lack the
            embeddings that the settings ask for.
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
    """Rank the queries of several protocols in one pass.

    Args:
        protocols (Sequence[SearchProtocol]): protocols of the same images.
        results (SearchResults): as :func:`rank` takes them.
        settings (SearchSettings): how to score.
        top_k (int): places of each list that are kept.
        branches (Sequence[str]): names of feature sets; by default all.
        device (str): where similarities are computed.

    Returns:
        dict: (name of the feature set, name of the protocol) -> rankings, one
        per query.

    Raises:
        UserError: See :func:`rank`.
    """
    settings = settings or SearchSettings()
    if settings.gt_boxes:
        if results.given is None or not results.given.embeddings:
            raise UserError(
                'the results hold no embeddings of annotated '
                'boxes, so --gt-boxes cannot be scored; write them with '
                '--cfg-options model.test_cfg.embed_gt_boxes=True'
            )
        results = SearchResults(results.given, results.given, results.scenes)
    _check_images(protocols, results)
    chosen = {
        name: parts
        for name, parts in results.branches.items()
        if branches is None or name in branches
    }
    gallery = Gallery(results.detections, settings, device)
    searches = [
        QuerySearch(protocol, results, gallery, settings, top_k)
        for protocol in protocols
    ]
    queries = _QueryTable(searches)
    # Every place is filled by the loop below.
    table: dict[tuple[str, str], list[Any]] = {
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
            raise UserError(
                f'the results hold {results.detections.num_images} images '
                f'but protocol {protocol.name!r} has {len(protocol.images)}; '
                'were they written for another dataset or split?'
            )


class _QueryTable:
    """The distinct queries of several protocols, and which protocols ask each.

    Protocols of one dataset often differ in their galleries alone, so that
    the similarities of a query serve all of them.
    """

    def __init__(self, searches: Sequence[QuerySearch]) -> None:
        rows: dict[tuple, int] = {}
        self.users: list[list[tuple[QuerySearch, int]]] = []
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
        """The unit embeddings (B, D) float32 of some rows, by part."""
        owners = [self.users[row][0] for row in rows]
        return {
            part: np.stack(
                [search.query_parts[part][query] for search, query in owners]
            )
            for part in owners[0][0].query_parts
        }

    def blocks(self, columns: int, branches: int) -> Iterator[range]:
        """Ranges of rows whose similarities fit into ``BLOCK_BYTES``."""
        size = BLOCK_BYTES // max(1, 4 * columns * (branches + 1))
        size = int(np.clip(size, 1, 256))
        for start in range(0, len(self.users), size):
            yield range(start, min(start + size, len(self.users)))
