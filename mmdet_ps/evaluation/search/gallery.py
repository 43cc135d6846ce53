"""The detections that are searched, and their similarities to queries."""

from __future__ import annotations

import numpy as np
import torch

from mmdet_ps.structures import PersonBoxes

from ..settings import SearchSettings
from .query_embeddings import inverse_norms
from .reranking import Reranker


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
        self.boxes, self.device = boxes, device
        self.image_of = boxes.image_of
        self._factors, self._vectors, factors_of = {}, {}, {}
        for part, embeddings in boxes.embeddings.items():
            factors = inverse_norms(embeddings)
            if settings.confidence_weighted:
                factors = factors * boxes.scores
            factors_of[part] = factors
            self._factors[part] = torch.from_numpy(factors).to(device)
            self._vectors[part] = torch.from_numpy(
                np.ascontiguousarray(embeddings)
            ).to(device)
        self.reranker = None
        if settings.cbgm or settings.k_reciprocal:
            self.reranker = Reranker(
                settings,
                boxes,
                self.image_of,
                factors_of,
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
            query = torch.from_numpy(queries[part]).to(self.device)
            block = query @ self._vectors[part].T
            single[part] = block.mul_(self._factors[part]).cpu().numpy()
        return {
            branch: single[parts[0]]
            if len(parts) == 1
            else np.sum([single[part] for part in parts], axis=0)
            for branch, parts in branches.items()
        }
