"""Filled outlines: what persons, props and backdrops are made of.

A shape is an outline (N, 2) with a colour. Coordinates are the artist's own
(a figure is 1 high with y upwards from its feet; a backdrop is in pixels), so
that the same drawing serves every image size.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .palette import Colour

FRACTION_BITS = 4  # fillPoly takes coordinates in 1/16 pixel
_ANGLES = np.linspace(0, 2 * np.pi, 14, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


class Shape(NamedTuple):
    """A filled outline."""

    points: np.ndarray  # (N, 2) float
    colour: Colour


def ellipse(
    centre: tuple[float, float],
    radius_x: float,
    radius_y: float,
    colour: Colour,
) -> Shape:
    """An ellipse along the axes."""
    return Shape(_CIRCLE * (radius_x, radius_y) + centre, colour)


def rectangle(
    left: float, top: float, right: float, bottom: float, colour: Colour
) -> Shape:
    """A rectangle along the axes."""
    return Shape(
        np.array(
            [(left, top), (right, top), (right, bottom), (left, bottom)], float
        ),
        colour,
    )


def polygon(points: list[tuple[float, float]], colour: Colour) -> Shape:
    """The outline through the points, closed."""
    return Shape(np.array(points, float), colour)


def limb(
    start: np.ndarray,
    end: np.ndarray,
    start_radius: float,
    end_radius: float,
    colour: Colour,
) -> list[Shape]:
    """A tapered bar with round ends between two points (2,)."""
    along = np.subtract(end, start)
    length = max(float(np.hypot(*along)), 1e-6)
    normal = np.array([-along[1], along[0]]) / length
    bar = np.stack(
        [
            start + normal * start_radius,
            end + normal * end_radius,
            end - normal * end_radius,
            start - normal * start_radius,
        ]
    )
    return [
        Shape(bar, colour),
        ellipse(start, start_radius, start_radius, colour),
        ellipse(end, end_radius, end_radius, colour),
    ]


def extent(shapes: list[Shape]) -> tuple[float, float, float, float]:
    """Smallest x, y and largest x, y over all outlines."""
    points = np.concatenate([shape.points for shape in shapes])
    return (*points.min(0).tolist(), *points.max(0).tolist())


def fill(
    image: np.ndarray,
    shapes: list[Shape],
    scale: tuple[float, float],
    offset: tuple[float, float],
    opaque: bool = False,
) -> None:
    """Draw shapes on an image, in place.

    Args:
        image: (H, W, 3) uint8, BGR; changed.
        shapes: What is drawn, back to front.
        scale, offset: A point lies at ``point * scale + offset``, in pixels.
        opaque: Write 255 into a fourth channel of ``image`` wherever a shape
            is.
    """
    unit = 1 << FRACTION_BITS
    factor = np.multiply(scale, unit)
    shift = (np.asarray(offset) - 0.5) * unit
    for points, colour in shapes:
        outline = np.rint(points * factor + shift).astype(np.int32)
        cv2.fillPoly(
            image,
            [outline],
            (*colour, 255) if opaque else colour,
            cv2.LINE_8,
            FRACTION_BITS,
        )
