"""Gallery filter: pictures that do not seem to show a person count less."""

from __future__ import annotations

import numpy as np

from mmdet_ps.structures import SearchResults
from mmdet_ps.structures.scenes import scene_scores
from mmdet_ps.utils.errors import UserError

from ..settings import SearchSettings


class SceneFilter:
    """The scores of queries and images, and what follows from them.

    Jaffe and Zakhor, "Gallery Filter Network for Person Search" (WACV 2023).

    Args:
        scores (ndarray): how likely the person of each query is in each
            image, (Q, I) float32; see ``structures/scenes.py``.
        settings (SearchSettings): ``scene_scores`` and ``scene_threshold``.
    """

    def __init__(self, scores: np.ndarray, settings: SearchSettings) -> None:
        self.scores = scores
        self.multiply = settings.scene_scores
        threshold = settings.scene_threshold
        self.threshold = -np.inf if threshold is None else threshold

    def __call__(self, query: int) -> tuple[np.ndarray, np.ndarray]:
        """What the similarities of a query with the persons of each image are
        multiplied by, and which images stay in its gallery.

        Args:
            query (int): number of the query.

        Returns:
            tuple[ndarray, ndarray]: (I,) float32 and (I,) bool.
        """
        scores = self.scores[query]
        weights = scores if self.multiply else np.ones_like(scores)
        return weights, scores >= self.threshold


def filter_of(
    settings: SearchSettings,
    results: SearchResults,
    queries: dict[str, np.ndarray],
    query_images: np.ndarray,
) -> SceneFilter | None:
    """The filter that the settings ask for, or None.

    Args:
        settings (SearchSettings): how to score.
        results (SearchResults): with ``scenes``.
        queries (dict): name of a part -> unit embeddings, (Q, D) float32.
        query_images (ndarray): image of each query, (Q,) int.

    Raises:
        UserError: the results lack what a filter needs.
    """
    if not settings.scene_scores and settings.scene_threshold is None:
        return None
    if results.scenes is None or list(queries) != ['default']:
        raise UserError(
            'the results do not say whether a person is in a picture, which '
            'scene_scores and scene_threshold need: test a model that '
            'filters the gallery (configs/seqnext)'
        )
    (rows,) = queries.values()
    if rows.shape[1] != results.scenes.shape[2]:
        raise UserError(
            f'pictures are described by {results.scenes.shape[2]} numbers, '
            f'persons by {rows.shape[1]}; they must be as many'
        )
    return SceneFilter(
        scene_scores(rows, query_images, results.scenes), settings
    )
