"""The detections that are searched, and their similarities to queries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmdet_ps.structures import PersonBoxes

from ..settings import SearchSettings
from .query_embeddings import inverse_norms
from .reranking import Reranker


def products_with(
    vectors: np.ndarray, device: str
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from queries (B, D) to their products (B, G) with vectors.

    Args:
        vectors (ndarray): (G, D) float32.
        device (str): Where they are multiplied; ``cpu``, or what torch takes.
    """
    if not len(vectors):  # of a size that nobody knows
        return lambda queries: np.zeros((len(queries), 0), np.float32)
    if device == 'cpu':
        return lambda queries: queries @ vectors.T
    # Only here: whoever scores a file on the CPU need not wait for torch.
    import torch

    held = torch.from_numpy(np.ascontiguousarray(vectors)).to(device).T

    def multiply(queries: np.ndarray) -> np.ndarray:
        return (torch.from_numpy(queries).to(device) @ held).cpu().numpy()

    return multiply


class Gallery:
    """Detections above the score threshold.

    Args:
        boxes: All detections, with embeddings of any length.
        settings: Score threshold, weighting and re-ranking.
        device: Where similarities are computed.
    """

    def __init__(
        self, boxes: PersonBoxes, settings: SearchSettings, device: str
    ) -> None:
        mask = boxes.scores >= settings.score_thr
        boxes = boxes.keep(mask)
        self.boxes = boxes
        self.image_of = boxes.image_of
        self._products, self._factors = {}, {}
        for part, embeddings in boxes.embeddings.items():
            factors = inverse_norms(embeddings)
            if settings.confidence_weighted:
                factors = factors * boxes.scores
            self._factors[part] = factors
            self._products[part] = products_with(embeddings, device)
        self.reranker = None
        if settings.cbgm or settings.k_reciprocal:
            self.reranker = Reranker(
                settings,
                boxes,
                self.image_of,
                self._factors,
                np.flatnonzero(mask),
            )

    def similarities(
        self,
        queries: dict[str, np.ndarray],
        branches: dict[str, tuple[str, ...]],
    ) -> dict[str, np.ndarray]:
        """(B, G) float32 per branch, from unit queries (B, D) per part."""
        needed = {part for parts in branches.values() for part in parts}
        single = {}
        for part in needed:
            block = self._products[part](queries[part])
            block *= self._factors[part]
            single[part] = block
        return {
            branch: single[parts[0]]
            if len(parts) == 1
            else np.sum([single[part] for part in parts], axis=0)
            for branch, parts in branches.items()
        }
