"""Pictures of persons: crops, scenes, frames and text on numpy images.

Everything here takes and returns RGB uint8 arrays (H, W, 3). The module
knows nothing about rankings, models or files.
"""

import colorsys
from bisect import bisect

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .fonts import font_and_text

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (32, 36, 44)
MUTED: Colour = (112, 118, 130)
GREEN: Colour = (26, 150, 80)
RED: Colour = (208, 48, 48)
BLUE: Colour = (36, 98, 204)
ORANGE: Colour = (228, 136, 20)
NOTHING_TO_SEE: Colour = (226, 228, 232)

# Hues this far apart never repeat closely (golden ratio).
HUE_STEP = 0.618034


def identity_colour(person_id: int) -> Colour:
    """A colour of its own for each identity, grey for unlabelled persons."""
    if person_id < 0:
        return MUTED
    rgb = colorsys.hsv_to_rgb(person_id * HUE_STEP % 1, 0.85, 0.8)
    return tuple(round(255 * part) for part in rgb)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and line height of a text in pixels, for letters of a size in
    pixels."""
    font, text = font_and_text(text, size)
    left, _, right, _ = font.getbbox(text or ' ')
    return int(np.ceil(right - left)), int(round(size * 1.3))


def shortened(text: str, size: int, width: int) -> str:
    """A text without its middle, if it is wider than so many pixels."""

    def fits(part: str) -> bool:
        return text_size(part, size)[0] <= width

    def ends(kept: int) -> str:
        return f'{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}'

    if fits(text):
        return text
    # By halves: a letter at a time, long names took most of a picture's time.
    too_many = bisect(range(len(text)), False, key=lambda n: not fits(ends(n)))
    return ends(max(too_many - 1, 0))


def put_text(
    image: np.ndarray,
    text: str,
    xy: tuple[float, float],
    size: int = 14,
    colour: Colour = INK,
    background: Colour | None = None,
) -> np.ndarray:
    """Write one line of text, in place.

    The text is moved into the image where it would hang over an edge.

    Args:
        image: (H, W, 3) uint8, RGB; is changed, and returned as well.
        text: The line.
        xy: Upper left corner, in pixels.
        size: Size of the letters in pixels.
        colour: Colour of the letters.
        background: Colour of the area behind them; None leaves the image.
    """
    height, width = image.shape[:2]
    text_width, text_height = text_size(text, size)
    x = int(max(0, min(xy[0], width - text_width - 4)))
    y = int(max(0, min(xy[1], height - text_height)))
    if background is not None:
        corner = (x + text_width + 4, y + text_height)
        cv2.rectangle(image, (x, y), corner, background, -1)
    canvas = Image.fromarray(image)
    font, text = font_and_text(text, size)
    ImageDraw.Draw(canvas).text((x + 2, y), text, colour, font=font)
    image[...] = np.asarray(canvas)
    return image


def clip_box(bbox, height: int, width: int) -> np.ndarray | None:
    """The part of a box inside an image, in whole pixels.

    Args:
        bbox: (4,) xyxy, pixels.
        height, width: Size of the image in pixels.

    Returns:
        (4,) int xyxy; None where nothing is inside.
    """
    box = np.asarray(bbox, dtype=np.float64).reshape(4)
    if not np.isfinite(box).all():
        return None
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    x1, x2 = np.clip([x1, x2], 0, width)
    y1, y2 = np.clip([y1, y2], 0, height)
    if x2 <= x1 or y2 <= y1:
        return None
    return np.array([x1, y1, x2, y2])


def grow_box(bbox, factor: float) -> np.ndarray:
    """A box with the same centre, ``factor`` times as wide and high."""
    box = np.asarray(bbox, dtype=np.float64).reshape(4)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.concatenate([centre - half * factor, centre + half * factor])


def fit(
    image: np.ndarray,
    width: int,
    height: int,
    background: Colour = NOTHING_TO_SEE,
) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Scale an image into a cell, keeping its aspect ratio.

    Small images are magnified (bicubic), large ones averaged.

    Returns:
        The (height, width, 3) cell, the scale and the (x, y) of the image's
        upper left corner in the cell.
    """
    scale = min(width / image.shape[1], height / image.shape[0])
    new_width = max(1, min(width, round(image.shape[1] * scale)))
    new_height = max(1, min(height, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, (new_width, new_height), interpolation=how)
    cell = np.full((height, width, 3), background, dtype=np.uint8)
    x, y = (width - new_width) // 2, (height - new_height) // 2
    cell[y : y + new_height, x : x + new_width] = small
    return cell, scale, (x, y)


def crop_cell(
    image: np.ndarray, bbox, width: int, height: int, margin: float = 1.1
) -> np.ndarray:
    """The person in a box, with a little around it, fitted into a cell.

    Args:
        image: (H, W, 3) uint8, RGB.
        bbox: (4,) xyxy, pixels.
        width, height: Size of the cell in pixels.
        margin: How much is shown, as a multiple of the box's width and
            height.

    Returns:
        (height, width, 3) uint8.
    """
    box = clip_box(grow_box(bbox, margin), *image.shape[:2])
    if box is None:
        cell = np.full((height, width, 3), NOTHING_TO_SEE, dtype=np.uint8)
        return put_text(cell, 'outside', (4, height // 2 - 8), 12, MUTED)
    x1, y1, x2, y2 = box
    return fit(image[y1:y2, x1:x2], width, height)[0]


def scene_cell(
    image: np.ndarray, bbox, width: int, height: int, colour: Colour
) -> np.ndarray:
    """The whole image in a cell, with one box drawn and the rest paler.

    Args:
        image: (H, W, 3) uint8, RGB.
        bbox: (4,) xyxy, pixels of the image.
        width, height: Size of the cell in pixels.
        colour: Colour of the box.

    Returns:
        (height, width, 3) uint8.
    """
    cell, scale, offset = fit(image, width, height)
    box = np.asarray(bbox, dtype=np.float64).reshape(2, 2) * scale + offset
    inside = clip_box(box, height, width)
    if inside is None:
        return cell
    pale = (cell * 0.62 + 255 * 0.38).astype(np.uint8)
    x1, y1, x2, y2 = inside
    pale[y1:y2, x1:x2] = cell[y1:y2, x1:x2]
    # A box of a few pixels gets its frame around it, not over it.
    cv2.rectangle(pale, (x1 - 2, y1 - 2), (x2 + 1, y2 + 1), colour, 2)
    return pale


def framed(cell: np.ndarray, colour: Colour, thickness: int) -> np.ndarray:
    """A cell with a frame added around it."""
    return cv2.copyMakeBorder(
        cell,
        *[thickness] * 4,
        borderType=cv2.BORDER_CONSTANT,
        value=colour,
    )


def draw_boxes(
    image: np.ndarray,
    bboxes: np.ndarray,
    labels: list[str],
    colours: list[Colour],
    min_side: int = 640,
    text_px: int = 15,
) -> np.ndarray:
    """Boxes with labels on an image that is first magnified if small.

    Args:
        bboxes: (N, 4) xyxy in pixels of ``image``.
        image: (H, W, 3) uint8, RGB; stays as it is.
        labels: N texts; an empty one draws no label.
        colours: N colours.
        min_side: Least width of the picture in pixels.
        text_px: Size of the letters in pixels.

    Returns:
        The magnified image with its boxes, uint8, RGB.
    """
    scale = max(1.0, min_side / image.shape[1])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    boxes = np.asarray(bboxes, dtype=np.float64).reshape(-1, 4) * scale
    line = max(2, round(canvas.shape[1] / 400))
    for box, colour in zip(boxes.round().astype(int), colours):
        cv2.rectangle(canvas, box[:2].tolist(), box[2:].tolist(), colour, line)
    for box, label, colour in zip(boxes, labels, colours):
        if label:
            above = (box[0], box[1] - text_size(label, text_px)[1])
            put_text(canvas, label, above, text_px, WHITE, colour)
    return canvas
