"""Re-ranking of the list of one query, as the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmdet_ps.structures import PersonBoxes
from mmdet_ps.structures.boxes import iou_matrix

from ..settings import SearchSettings
from .gallery_order import descending
from .graph_matching import first_images, matched_similarity
from .k_reciprocal import reranked_distances
from .query_embeddings import SAME_BOX_IOU

# The list that k-reciprocal re-ranking may reorder, in units of k1.
REORDERED = 10


@dataclass
class QueryContext:
    """The query, as far as re-ranking looks at it.

    Args:
        vectors: Name of the part -> (D,) unit embedding.
        bbox: (4,) xyxy.
        image: Its image.
        row: The detection it was read from, among all detections; -1 where
            it was read from the given box.
    """

    vectors: dict[str, np.ndarray]
    bbox: np.ndarray
    image: int
    row: int


@dataclass
class Reranker:
    """Changes the similarities of one query before they are ranked.

    Args:
        settings: With ``cbgm`` or ``k_reciprocal``.
        boxes: The gallery, G detections above the score threshold.
        image_of: (G,) image of each.
        factors: Name of the part -> (G,) what makes embeddings unit vectors
            (times the score, where similarities are weighted by it).
        numbers: (G,) number of each among all detections.
    """

    settings: SearchSettings
    boxes: PersonBoxes
    image_of: np.ndarray
    factors: dict[str, np.ndarray]
    numbers: np.ndarray

    def __call__(
        self,
        context: QueryContext,
        similarities: np.ndarray,
        members: np.ndarray,
        parts: tuple[str, ...],
    ) -> np.ndarray:
        """(G,) new similarities; ``members`` (M,) in gallery order."""
        if not len(members):
            return similarities
        if self.settings.cbgm:
            return self._match_graphs(context, similarities, members, parts)
        return self._reorder(context, similarities, members, parts)

    def _vectors(self, members, part: str) -> np.ndarray:
        """(m, D) scaled embeddings of some detections."""
        return (
            self.boxes.embeddings[part][members]
            * self.factors[part][members, None]
        )

    def _companions(self, context: QueryContext, count: int) -> np.ndarray:
        """The best scored other persons of the query image.

        Where the query is a given box, every detection of it is left out.
        """
        ties = 'stable'
        inside = self.boxes.of_image(context.image)
        others = np.arange(inside.start, inside.stop)
        if context.row >= 0:
            others = others[self.numbers[others] != context.row]
            ties = self.settings.ties
        elif len(others):
            (overlap,) = iou_matrix(context.bbox, self.boxes.bboxes[others])
            others = others[overlap <= SAME_BOX_IOU]
        order = descending(self.boxes.scores[others], ties)
        return others[order][:count]

    def _match_graphs(self, context, similarities, members, parts):
        first, companions = self.settings.cbgm
        others = self._companions(context, companions - 1)
        asked = {
            part: np.vstack([context.vectors[part], self._unit(others, part)])
            for part in parts
        }
        changed = similarities.copy()
        images = first_images(
            similarities, members, self.image_of, first, self.settings.ties
        )
        for image in images:
            inside = self.boxes.of_image(image)
            edges = sum(
                asked[part] @ self._vectors(inside, part).T for part in parts
            )
            match = matched_similarity(
                edges, similarities[inside], self.settings.cbgm_form
            )
            if match:
                changed[inside.start + match[0]] = match[1]
        return changed

    def _unit(self, members, part: str) -> np.ndarray:
        """(m, D) unit embeddings, without the weight of the score."""
        vectors = self.boxes.embeddings[part][members]
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(norms, 1e-12)

    def _reorder(self, context, similarities, members, parts):
        k1, k2, weight = self.settings.k_reciprocal
        order = np.argsort(-similarities[members], kind='stable')
        members = members[order][: REORDERED * k1]
        vectors = np.hstack(
            [
                np.vstack([context.vectors[part], self._unit(members, part)])
                for part in parts
            ]
        ) / np.sqrt(len(parts))
        distances = reranked_distances(vectors, k1, k2, weight)
        # The reordered ones stay in front of all others.
        changed = similarities.copy()
        changed[members] = similarities.max() + 2 - distances
        return changed
