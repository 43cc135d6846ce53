"""The picture of one search, from its ranking and the files of the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..structures.ranking import Ranking
from ..utils.images import read_image
from .drawing import BLUE, GREEN, ORANGE, RED
from .ranking_picture import Style, Tile, draw_row

LONGEST_NAME = 16


@dataclass(frozen=True)
class Look:
    """How much of a ranking is drawn, and how large.

    Attributes:
        style: ``'crops'``, ``'scenes'`` (whole images with the box) or
            ``'both'``.
        top_k: Answers to draw.
        max_missed: Missed appearances to draw.
        cell_height: Height of a person crop, in pixels.
    """

    style: Style = 'both'
    top_k: int = 10
    max_missed: int = 3
    cell_height: int = 192


def draw_ranking(
    ranking: Ranking,
    image_paths: Sequence[str],
    title: str = '',
    look: Look = Look(),
) -> np.ndarray:
    """The picture of one query.

    The query stands at the left in blue, the most similar persons follow in
    green (right) or red (wrong) frames with rank and similarity, and in
    orange the appearances of the person that are not among them.

    Args:
        ranking: The ranking; its image numbers index ``image_paths``.
        image_paths: Files of all images of the protocol, in its order.
        title: Line above the picture; by default how many appearances were
            found.
        look: How much is drawn, and how large.

    Returns:
        (H, W, 3) RGB uint8.
    """
    missed = missed_tiles(ranking, image_paths, look.top_k)
    groups = [
        ('query', [query_tile(ranking, image_paths)]),
        ('most similar', answer_tiles(ranking, image_paths, look.top_k)),
        (f'not among the first {look.top_k}', missed[: look.max_missed]),
    ]
    return draw_row(
        groups, look.style, look.cell_height, title or summary(ranking)
    )


def query_tile(ranking: Ranking, image_paths: Sequence[str]) -> Tile:
    """The person looked for."""
    path = image_paths[ranking.query_image]
    return Tile(
        load_rgb(str(path)),
        ranking.query_bbox,
        BLUE,
        f'person {ranking.person_id}',
        short_name(path),
    )


def answer_tiles(
    ranking: Ranking, image_paths: Sequence[str], top_k: int
) -> list[Tile]:
    """The ``top_k`` most similar detections, right or wrong."""
    return [
        Tile(
            load_rgb(str(image_paths[image])),
            bbox,
            GREEN if is_hit else RED,
            f'{rank + 1}   {similarity:.2f}',
            short_name(image_paths[image]),
        )
        for rank, (image, bbox, similarity, is_hit) in enumerate(
            zip(
                ranking.images[:top_k],
                ranking.bboxes[:top_k],
                ranking.similarities[:top_k],
                ranking.is_hit[:top_k],
            )
        )
    ]


def missed_tiles(
    ranking: Ranking, image_paths: Sequence[str], top_k: int
) -> list[Tile]:
    """Appearances of the person that none of the first ``top_k`` finds."""
    found = set(ranking.images[:top_k][ranking.is_hit[:top_k]].tolist())
    return [
        Tile(
            load_rgb(str(image_paths[image])),
            bbox,
            ORANGE,
            'missed',
            short_name(image_paths[image]),
        )
        for image, bbox in zip(
            ranking.relevant_images.tolist(), ranking.relevant_bboxes
        )
        if image not in found
    ]


def summary(ranking: Ranking) -> str:
    """One line on how the search went."""
    first = ranking.first_hit
    where = f', first at rank {first}' if first is not None else ''
    return (
        f'person {ranking.person_id}: {len(ranking.hit_ranks)} of '
        f'{ranking.num_relevant} appearances detected among '
        f'{ranking.num_candidates} persons{where}'
    )


def short_name(path: str | Path) -> str:
    """File name without suffix; of a long one, the end.

    A name that is only a number, as of frames of a video, is preceded by
    its folder.
    """
    path = Path(path)
    name = path.stem
    if name.isdecimal() and path.parent.name:
        room = LONGEST_NAME - len(name) - 2
        folder = path.parent.name
        name = f'{folder[: max(4, room)]}/{name}'
    return name if len(name) <= LONGEST_NAME else f'…{name[-LONGEST_NAME:]}'


@lru_cache(maxsize=64)
def load_rgb(path: str) -> np.ndarray:
    """An image file as RGB uint8 (H, W, 3)."""
    return np.ascontiguousarray(read_image(path)[..., ::-1])
