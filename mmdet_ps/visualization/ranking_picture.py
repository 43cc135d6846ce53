"""The picture of one search: the query at the left, the answers at the right.

It is laid out from tiles and knows neither datasets nor files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmdet_ps.utils.errors import UserError

from .drawing import (
    BLUE,
    INK,
    MUTED,
    WHITE,
    Colour,
    crop_cell,
    framed,
    put_text,
    scene_cell,
    shortened,
    text_size,
)

Style = Literal['crops', 'scenes', 'both']

GAP = 10
FRAME = 5
CAPTION = 15
SMALL = 12
LONGEST = 320  # pixels of a note; names of files can be very long


@dataclass(frozen=True)
class Tile:
    """One person in a picture.

    Args:
        image: (H, W, 3) RGB uint8 image the person is in.
        bbox: xyxy in pixels of the image.
        colour: Colour of the frame.
        caption: First line below, large.
        note: Second line below, small; its middle is left out if it is long.
    """

    image: np.ndarray
    bbox: Sequence[float]
    colour: Colour = BLUE
    caption: str = ''
    note: str = ''


def draw_tile(tile: Tile, style: Style, cell_height: int) -> np.ndarray:
    """One column: crop and/or scene in a frame, with two lines below."""
    note = shortened(tile.note, SMALL, LONGEST)
    height, width = tile.image.shape[:2]
    crop_width = round(cell_height * 0.5)
    scene_height = round(cell_height * (0.5 if style == 'both' else 0.75))
    scene_width = round(scene_height * min(max(width / height, 0.6), 1.8))
    cells = []
    if style != 'scenes':
        cells.append(crop_cell(tile.image, tile.bbox, crop_width, cell_height))
    if style != 'crops':
        cells.append(
            scene_cell(
                tile.image, tile.bbox, scene_width, scene_height, tile.colour
            )
        )
    cells = [framed(cell, tile.colour, FRAME) for cell in cells]
    width = max(
        [cell.shape[1] for cell in cells]
        + [text_size(tile.caption, CAPTION)[0] + 6]
        + [text_size(note, SMALL)[0] + 6]
    )
    column = np.concatenate([_centred(cell, width) for cell in cells])
    lines = np.full((42, width, 3), WHITE, dtype=np.uint8)
    for text, y, size, colour in (
        (tile.caption, 3, CAPTION, INK),
        (note, 23, SMALL, MUTED),
    ):
        x = (width - text_size(text, size)[0]) // 2 - 2
        put_text(lines, text, (x, y), size, colour)
    return np.concatenate([column, lines])


def draw_row(
    groups: Sequence[tuple[str, Sequence[Tile]]],
    style: Style = 'crops',
    cell_height: int = 192,
    title: str = '',
) -> np.ndarray:
    """Groups of tiles beside each other, each group under its own heading.

    Args:
        groups: (heading, tiles) from left to right; empty groups are left
            out. The query, the answers and the persons missed, for example.
        style: Person crops, whole scenes with the box, or both.
        cell_height: Height of a crop, in pixels.
        title: Line over the whole picture.

    Returns:
        (H, W, 3) RGB uint8 picture.

    Raises:
        UserError: All groups are empty.
    """
    blocks = [
        _draw_group(heading, tiles, style, cell_height)
        for heading, tiles in groups
        if len(tiles)
    ]
    if not blocks:
        raise UserError('a ranking picture needs a query: no tile was given')
    height = max(block.shape[0] for block in blocks)
    parts = []
    for i, block in enumerate(blocks):
        if i:
            parts.append(_rule(height))
        parts.append(_padded(block, height))
    picture = np.concatenate(parts, axis=1)
    if title:
        size = 16
        width = max(picture.shape[1], text_size(title, size)[0] + 2 * GAP)
        head = np.full((size + 16, width, 3), WHITE, dtype=np.uint8)
        put_text(head, title, (GAP, 8), size, INK)
        picture = np.concatenate([head, _right_padded(picture, width)])
    return picture


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures below each other on white, left-aligned."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([_right_padded(p, width) for p in pictures])


def _draw_group(heading, tiles, style, cell_height) -> np.ndarray:
    columns = [draw_tile(tile, style, cell_height) for tile in tiles]
    height = max(column.shape[0] for column in columns)
    gap = np.full((height, GAP, 3), WHITE, dtype=np.uint8)
    parts = [gap]
    for column in columns:
        parts += [_padded(column, height), gap]
    block = np.concatenate(parts, axis=1)
    width = max(block.shape[1], text_size(heading, SMALL)[0] + 2 * GAP)
    head = np.full((24, width, 3), WHITE, dtype=np.uint8)
    put_text(head, heading, (GAP - 2, 4), SMALL, MUTED)
    return np.concatenate([head, _right_padded(block, width)])


def _rule(height: int) -> np.ndarray:
    rule = np.full((height, 3, 3), WHITE, dtype=np.uint8)
    rule[8:-8, 1] = 200
    return rule


def _centred(cell: np.ndarray, width: int) -> np.ndarray:
    left = (width - cell.shape[1]) // 2
    space = ((0, 0), (left, width - cell.shape[1] - left), (0, 0))
    return np.pad(cell, space, constant_values=255)


def _padded(block: np.ndarray, height: int) -> np.ndarray:
    space = ((0, height - block.shape[0]), (0, 0), (0, 0))
    return np.pad(block, space, constant_values=255)


def _right_padded(picture: np.ndarray, width: int) -> np.ndarray:
    space = ((0, 0), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, space, constant_values=255)
