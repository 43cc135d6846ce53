"""Re-ranking of the list of one query, where the settings ask for it."""

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
    """What re-ranking needs to know of a query.

    Args:
        vectors (dict): name of a part -> unit embedding, (D,) float32.
        bbox (ndarray): its box, (4,) float xyxy, pixels.
        image (int): its image.
        row (int): number of the detection that the embedding was read from;
            -1 where it was read from the annotated box.
        image_scores (ndarray): what its similarities with the persons of each
            image are multiplied by, (I,) float; None where by nothing.
    """

    vectors: dict[str, np.ndarray]
    bbox: np.ndarray
    image: int
    row: int
    image_scores: np.ndarray | None


@dataclass
class Reranker:
    """Changes the similarities of one query before they are ranked.

    Args:
        settings (SearchSettings): with ``cbgm`` or ``k_reciprocal``.
        boxes (PersonBoxes): the gallery, G detections above the threshold.
        image_of (ndarray): image of each, (G,) int.
        factors (dict): name of a part -> what makes embeddings unit vectors,
            times the score where similarities are weighted by it, (G,)
            float32.
        numbers (ndarray): number of each among all detections, (G,) int.
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
        """The new similarities of one query.

        Args:
            context (QueryContext): the query.
            similarities (ndarray): with all detections, (G,) float32.
            members (ndarray): detections in its gallery, (M,) int, in order.
            parts (tuple): the parts that the similarities come from.

        Returns:
            ndarray: (G,) float32; those outside the gallery are unchanged.
        """
        if not len(members):
            return similarities
        if self.settings.cbgm:
            return self._match_graphs(context, similarities, members, parts)
        return self._reorder(context, similarities, members, parts)

    def _vectors(self, members, part: str) -> np.ndarray:
        """The scaled embeddings of some detections, (m, D) float32."""
        return (
            self.boxes.embeddings[part][members]
            * self.factors[part][members, None]
        )

    def _companions(self, context: QueryContext, count: int) -> np.ndarray:
        """The other persons of the query image, the best scored first.

        Where the query is an annotated box, every detection that overlaps it
        is the query itself and left out.
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
            if context.image_scores is not None:
                edges = edges * context.image_scores[image]
            match = matched_similarity(
                edges, similarities[inside], self.settings.cbgm_form
            )
            if match:
                changed[inside.start + match[0]] = match[1]
        return changed

    def _unit(self, members, part: str) -> np.ndarray:
        """The unit embeddings of some detections, not weighted by scores."""
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
