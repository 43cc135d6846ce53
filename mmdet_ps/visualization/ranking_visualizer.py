"""Hands pictures of rankings to the visual backends."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet.registry import VISUALIZERS
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only

from ..structures.ranking import Ranking
from ..utils.images import write_image
from .ranking_picture import Style
from .search_picture import Look, draw_ranking


@VISUALIZERS.register_module()
class RankingVisualizer(DetLocalVisualizer):
    """mmdet's visualizer that also draws the answers to a query.

    Args:
        name: Name under which mmengine keeps the visualizer.
        *args: See mmdet's ``DetLocalVisualizer``.
        style, top_k, max_missed, cell_height: See ``Look``.
        **kwargs: See mmdet's ``DetLocalVisualizer``.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *args,
        style: Style = 'both',
        top_k: int = 10,
        max_missed: int = 3,
        cell_height: int = 192,
        **kwargs,
    ):
        super().__init__(name, *args, **kwargs)
        self.look = Look(style, top_k, max_missed, cell_height)

    def draw_ranking(
        self,
        ranking: Ranking,
        image_paths: Sequence[str],
        title: str = '',
    ) -> np.ndarray:
        """The picture of one query; see ``search_picture.draw_ranking``."""
        return draw_ranking(ranking, image_paths, title, self.look)

    @master_only
    def add_ranking(
        self,
        name: str,
        ranking: Ranking,
        image_paths: Sequence[str],
        title: str = '',
        step: int = 0,
        out_file: str | Path | None = None,
    ) -> None:
        """Draw one query and give the picture to every backend.

        Args:
            name: Tag of the picture in the backends.
            ranking: The ranking; its image numbers index ``image_paths``.
            image_paths: Files of all images of the protocol, in its order.
            title: Line above the picture.
            step: Iteration of the training that it belongs to.
            out_file: File to write the picture to, in place of the backends.
        """
        picture = self.draw_ranking(ranking, image_paths, title)
        self.set_image(picture)
        if out_file is not None:
            write_image(out_file, picture)
        else:
            self.add_image(name, picture, step)
