"""Turns shapes into soft-edged cut-outs and lays them over a picture."""

from typing import NamedTuple

import cv2
import numpy as np

from .shapes import Shape, extent, fill

MAX_OVERSAMPLING = 3
TARGET_HEIGHT = 260  # rows a cut-out is drawn at before it is reduced


class CutOut(NamedTuple):
    """A drawing on transparent ground.

    Args:
        pixels: (H, W, 4) uint8: BGR times opacity, and opacity.
        left, top: Where it lies in the picture, in pixels.
    """

    pixels: np.ndarray
    left: int
    top: int


def cut_out(
    shapes: list[Shape],
    height: float,
    foot: tuple[float, float],
    light: float = 0.0,
) -> CutOut:
    """Draw something upright that is 1 high, with y upwards.

    Args:
        shapes: What is drawn, back to front.
        height: Height that 1 becomes, in pixels.
        foot: Where the point (0, 0) comes to lie in the picture, x and y in
            pixels.
        light: How much darker one side is, from -1 to 1; the sign tells which
            one.
    """
    x0, y0, x1, y1 = extent(shapes)
    left = int(np.floor(foot[0] + x0 * height)) - 1
    top = int(np.floor(foot[1] - y1 * height)) - 1
    width = int(np.ceil(foot[0] + x1 * height)) + 1 - left
    rows = int(np.ceil(foot[1] - y0 * height)) + 1 - top
    factor = int(
        np.clip(round(TARGET_HEIGHT / max(rows, 1)), 1, MAX_OVERSAMPLING)
    )
    pixels = np.zeros((rows * factor, width * factor, 4), np.uint8)
    fill(
        pixels,
        shapes,
        (height * factor, -height * factor),
        ((foot[0] - left) * factor, (foot[1] - top) * factor),
        opaque=True,
    )
    if factor > 1:
        pixels = cv2.resize(
            pixels, (width, rows), interpolation=cv2.INTER_AREA
        )
    if light:
        ramp = 1 - abs(light) + light * np.linspace(-1, 1, width)
        factors = np.full((width, 4), 256, np.uint16)
        factors[:, :3] = np.rint(256 * ramp)[:, None]
        pixels = (pixels * factors >> 8).astype(np.uint8)
    return CutOut(pixels, left, top)


def lay_over(
    picture: np.ndarray, cut: CutOut, owners: np.ndarray | None, owner: int
) -> int:
    """Lay a cut-out over a picture, in place.

    Args:
        picture: (H, W, 3) uint8, BGR; changed.
        cut: The cut-out.
        owners: (H, W) int, what is seen at each pixel; changed, or None.
        owner: Number to write there.

    Returns:
        How many of its opaque pixels lie inside the picture.
    """
    height, width = picture.shape[:2]
    rows, columns = cut.pixels.shape[:2]
    x0, y0 = max(0, cut.left), max(0, cut.top)
    x1, y1 = min(width, cut.left + columns), min(height, cut.top + rows)
    if x0 >= x1 or y0 >= y1:
        return 0
    patch = cut.pixels[
        y0 - cut.top : y1 - cut.top, x0 - cut.left : x1 - cut.left
    ]
    under = picture[y0:y1, x0:x1]
    opacity = patch[..., 3:].astype(np.uint16)
    under[:] = (
        ((under * (255 - opacity) + 127) // 255 + patch[..., :3])
        .clip(0, 255)
        .astype(np.uint8)
    )
    solid = patch[..., 3] > 127
    if owners is not None:
        owners[y0:y1, x0:x1][solid] = owner
    return int(solid.sum())
