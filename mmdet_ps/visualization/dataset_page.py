"""Pages of annotated pictures: persons, identities, ignored regions."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmdet_ps.structures.annotated_image import AnnotatedImage

from .drawing import (
    INK,
    ORANGE,
    WHITE,
    clip_box,
    crop_cell,
    draw_boxes,
    fit,
    identity_colour,
    put_text,
)

GAP = 8
CAPTION = 22


def draw_annotations(item: AnnotatedImage, min_side: int = 0) -> np.ndarray:
    """Draw every box of an image; ignored regions are hatched.

    Args:
        item (AnnotatedImage): The image, which stays as it is.
        min_side (int): Least width of the picture in pixels.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    canvas = item.image.copy()
    for box in np.asarray(item.bboxes)[item.ignored]:
        hatch(canvas, box)
    labels = [
        'ignored' if ignored else str(person_id) if person_id >= 0 else ''
        for person_id, ignored in zip(item.person_ids, item.ignored)
    ]
    colours = [
        ORANGE if ignored else identity_colour(person_id)
        for person_id, ignored in zip(item.person_ids, item.ignored)
    ]
    return draw_boxes(canvas, item.bboxes, labels, colours, min_side, 12)


def hatch(image: np.ndarray, bbox: np.ndarray) -> None:
    """Cover a region with slanted lines, in place.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        bbox (np.ndarray): (4,) xyxy, pixels.
    """
    inside = clip_box(bbox, *image.shape[:2])
    if inside is None:
        return
    x1, y1, x2, y2 = inside
    region = np.ascontiguousarray(image[y1:y2, x1:x2])
    step = max(8, image.shape[1] // 60)
    for start in range(-region.shape[0], region.shape[1], step):
        end = (start + region.shape[0], region.shape[0])
        cv2.line(region, (start, 0), end, ORANGE, 1)
    image[y1:y2, x1:x2] = region


def scene_page(
    items: Sequence[AnnotatedImage],
    columns: int = 3,
    cell: tuple[int, int] = (440, 300),
) -> np.ndarray:
    """Draw a grid of annotated images.

    Args:
        items (Sequence[AnnotatedImage]): The images, at least one.
        columns (int): Images of a row.
        cell (tuple[int, int]): Width and height of each, in pixels.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    width, height = cell
    cells = []
    for item in items:
        # Drawn at the size it is shown in, so that labels stay readable.
        scale = min(width / item.image.shape[1], height / item.image.shape[0])
        shown = AnnotatedImage(
            fit(item.image, *_scaled(item.image, scale))[0],
            np.asarray(item.bboxes) * scale,
            item.person_ids,
            item.ignored,
        )
        picture = fit(draw_annotations(shown), width, height, WHITE)[0]
        cells.append(_captioned(picture, item.caption))
    return _grid(cells, columns)


def _scaled(image: np.ndarray, scale: float) -> tuple[int, int]:
    height, width = image.shape[:2]
    return max(1, round(width * scale)), max(1, round(height * scale))


def identity_page(
    rows: Sequence[tuple[int, Sequence[AnnotatedImage]]],
    columns: int = 10,
    cell: tuple[int, int] = (96, 192),
) -> np.ndarray:
    """Draw a row of crops for each identity.

    Args:
        rows (Sequence[tuple[int, Sequence[AnnotatedImage]]]): Each identity
            with images that show it; in these its box is the first.
        columns (int): Greatest number of crops of a row.
        cell (tuple[int, int]): Width and height of a crop, in pixels.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    lines = []
    for person_id, items in rows:
        head = np.full((cell[1] + CAPTION + GAP, 70, 3), WHITE, np.uint8)
        put_text(head, f'id {person_id}', (4, cell[1] // 2), 14)
        crops = [
            _captioned(
                crop_cell(item.image, item.bboxes[0], *cell), item.caption
            )
            for item in items[:columns]
        ]
        lines.append(np.concatenate([head, _grid(crops, columns)], axis=1))
    return np.concatenate(lines)


def _captioned(picture: np.ndarray, caption: str) -> np.ndarray:
    line = np.full((CAPTION, picture.shape[1], 3), WHITE, np.uint8)
    room = picture.shape[1] // 7
    short = caption if len(caption) <= room else '…' + caption[1 - room :]
    put_text(line, short, (0, 3), 11, INK)
    return np.concatenate([picture, line])


def _grid(cells: list[np.ndarray], columns: int) -> np.ndarray:
    """Cells of one size in rows, with gaps, on white."""
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    page = np.full(
        (rows * (height + GAP), columns * (width + GAP), 3), WHITE, np.uint8
    )
    for k, cell in enumerate(cells):
        y, x = k // columns * (height + GAP), k % columns * (width + GAP)
        page[y : y + height, x : x + width] = cell
    return page
