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
    """A function that multiplies queries with all vectors.

    Args:
        vectors (ndarray): the embeddings of the gallery, (G, D) float32.
        device (str): where they are multiplied; ``cpu``, or what torch takes.

    Returns:
        Callable: takes queries, (B, D) float32, gives products, (B, G).
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
    """The detections that are searched: those above the score threshold.

    Args:
        boxes (PersonBoxes): all detections, with embeddings of any length.
        settings (SearchSettings): threshold, weighting and re-ranking.
        device (str): where similarities are computed; ``cpu``, or what torch
            takes.
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
        """The cosine of every query with every detection.

        Two feature sets are joined by the sum of their cosines: that ranks as
        the cosine of the joined vectors does.

        Args:
            queries (dict): name of a part -> unit embeddings, (B, D) float32.
            branches (dict): name of a feature set -> the parts it joins.

        Returns:
            dict: name of a feature set -> similarities, (B, G) float32.
        """
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
