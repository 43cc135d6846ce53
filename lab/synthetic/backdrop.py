"""Streets, squares and halls behind the persons."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from .palette import CLOTH, Colour, shade
from .randomness import pick
from .shapes import Shape, ellipse, fill, polygon, rectangle


@dataclass(frozen=True)
class Setting:
    """What the places of one domain look like.

    Args:
        places: Kind of place -> how often it occurs.
        sky, walls, ground: Colours, BGR from 0 to 255.
        clutter: How many things stand around, as a multiple of the usual.
        tone: Brightness, as a multiple of the usual.
    """

    places: dict[str, float] = field(
        default_factory=lambda: {'street': 3, 'park': 1.5, 'hall': 1}
    )
    sky: Colour = (225, 205, 180)
    walls: tuple[Colour, ...] = (
        (120, 150, 185),
        (165, 170, 180),
        (110, 125, 150),
        (190, 200, 205),
    )
    ground: tuple[Colour, ...] = (
        (130, 132, 135),
        (105, 106, 110),
        (150, 160, 168),
    )
    clutter: float = 1.0
    tone: float = 1.0


def _choose(rng: np.random.Generator, options: tuple) -> Colour:
    return options[int(rng.integers(len(options)))]


def _building(
    rng: np.random.Generator,
    left: float,
    right: float,
    top: float,
    base: float,
    wall: Colour,
) -> list[Shape]:
    """A front with windows and a shop at street level."""
    shapes = [rectangle(left, top, right, base, wall)]
    width, height = right - left, base - top
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    glass = shade((150, 130, 105), rng.uniform(0.5, 1.2))
    cell_x, cell_y = width / columns, height * 0.72 / rows
    for row in range(rows):
        for column in range(columns):
            x = left + (column + 0.22) * cell_x
            y = top + (row + 0.25) * cell_y
            shapes.append(
                rectangle(x, y, x + cell_x * 0.56, y + cell_y * 0.55, glass)
            )
    awning = shade(CLOTH[list(CLOTH)[rng.integers(len(CLOTH))]], 0.8)
    shapes.append(
        rectangle(
            left + width * 0.05,
            base - height * 0.24,
            right - width * 0.05,
            base - height * 0.16,
            awning,
        )
    )
    shapes.append(
        rectangle(
            left + width * 0.1,
            base - height * 0.16,
            right - width * 0.1,
            base,
            shade(glass, 0.6),
        )
    )
    return shapes


def _tree(
    rng: np.random.Generator, x: float, base: float, size: float
) -> list[Shape]:
    leaf = shade((55, 115, 70), rng.uniform(0.55, 1.25))
    shapes = [
        rectangle(
            x - size * 0.05,
            base - size * 0.6,
            x + size * 0.05,
            base,
            (50, 70, 90),
        )
    ]
    for _ in range(6):
        dx, dy = rng.normal(0, 0.2, 2) * size
        shapes.append(
            ellipse(
                (x + dx, base - size * 0.8 + dy),
                size * 0.25,
                size * 0.22,
                shade(leaf, rng.uniform(0.75, 1.2)),
            )
        )
    return shapes


def _street(
    rng: np.random.Generator, width: float, horizon: float, setting: Setting
) -> list[Shape]:
    shapes: list[Shape] = []
    base = horizon + 0.06
    left = -0.1
    while left < width:
        right = left + rng.uniform(0.25, 0.6)
        shapes += _building(
            rng,
            left,
            right,
            base - rng.uniform(0.2, 0.6),
            base,
            shade(_choose(rng, setting.walls), rng.uniform(0.8, 1.1)),
        )
        left = right
    for _ in range(rng.poisson(1.6 * setting.clutter)):
        shapes += _tree(
            rng, rng.uniform(0, width), base + 0.02, rng.uniform(0.2, 0.5)
        )
    return shapes


def _park(
    rng: np.random.Generator, width: float, horizon: float, setting: Setting
) -> list[Shape]:
    shapes = [
        rectangle(
            -0.1,
            horizon - 0.05,
            width + 0.1,
            horizon + 0.1,
            shade((70, 120, 80), rng.uniform(0.7, 1.1)),
        )
    ]
    for _ in range(4 + rng.poisson(3 * setting.clutter)):
        shapes += _tree(
            rng, rng.uniform(0, width), horizon + 0.06, rng.uniform(0.25, 0.6)
        )
    return shapes


def _hall(
    rng: np.random.Generator, width: float, horizon: float, setting: Setting
) -> list[Shape]:
    wall = _choose(rng, setting.walls)
    base = horizon + 0.06
    shapes = [
        rectangle(-0.1, -0.1, width + 0.1, base, wall),
        rectangle(-0.1, base - 0.025, width + 0.1, base, shade(wall, 0.6)),
    ]
    for _ in range(1 + rng.poisson(3 * setting.clutter)):
        x, y = rng.uniform(0, width), rng.uniform(-0.05, max(0.0, base - 0.3))
        colour = CLOTH[list(CLOTH)[rng.integers(len(CLOTH))]]
        size = rng.uniform(0.08, 0.2)
        shapes.append(
            rectangle(x, y, x + size * 1.4, y + size, shade(colour, 0.85))
        )
        shapes.append(
            rectangle(
                x + size * 0.2,
                y + size * 0.3,
                x + size * 0.9,
                y + size * 0.5,
                shade(colour, 1.5),
            )
        )
    return shapes


def _floor(
    rng: np.random.Generator, width: float, horizon: float, ground: Colour
) -> list[Shape]:
    """Kerb, joints towards a vanishing point, zebra bars or tiles."""
    base = horizon + 0.06
    vanishing = (rng.uniform(0.2, 0.8) * width, horizon - 0.05)
    shapes = [
        rectangle(-0.1, base, width + 0.1, 1.1, ground),
        rectangle(-0.1, base, width + 0.1, base + 0.05, shade(ground, 1.15)),
        rectangle(
            -0.1, base + 0.05, width + 0.1, base + 0.058, shade(ground, 0.7)
        ),
    ]
    line = shade(ground, rng.uniform(0.8, 1.25))
    for x in np.arange(-2 * width, 3 * width, rng.uniform(0.35, 0.7)):
        share = (base + 0.058 - vanishing[1]) / (1.1 - vanishing[1])
        at_base = vanishing[0] + (x - vanishing[0]) * share
        shapes.append(
            polygon(
                [
                    (x, 1.1),
                    (x + 0.03, 1.1),
                    (at_base + 0.004, base + 0.058),
                    (at_base, base + 0.058),
                ],
                line,
            )
        )
    if rng.random() < 0.5:
        y = rng.uniform(base + 0.15, 0.8)
        for x in np.arange(-0.1, width, 0.16):
            shapes.append(
                polygon(
                    [
                        (x, y),
                        (x + 0.08, y),
                        (x + 0.1, y + 0.1),
                        (x + 0.01, y + 0.1),
                    ],
                    shade((225, 228, 230), 0.9),
                )
            )
    return shapes


PLACES = {'street': _street, 'park': _park, 'hall': _hall}


def paint_backdrop(
    rng: np.random.Generator,
    width: int,
    height: int,
    horizon: float,
    setting: Setting,
) -> np.ndarray:
    """Paint an empty place.

    Args:
        rng: Decides what is drawn at random.
        width, height: Size in pixels.
        horizon: Height of the horizon below the upper edge, as a share of
            ``height``.
        setting: What places look like.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    image = np.empty((height, width, 3), np.uint8)
    image[:] = shade(setting.sky, setting.tone)
    aspect = width / height
    place = PLACES[pick(rng, setting.places)]
    ground = shade(_choose(rng, setting.ground), rng.uniform(0.75, 1.15))
    shapes = place(rng, aspect, horizon, setting)
    shapes += _floor(rng, aspect, horizon, ground)
    shapes = [
        Shape(points, shade(colour, setting.tone)) for points, colour in shapes
    ]
    fill(image, shapes, (height, height), (0, 0))
    grain = rng.normal(0, 9, (max(2, height // 6), max(2, width // 6), 1))
    grain = cv2.resize(grain.astype(np.float32), (width, height))
    return cv2.add(image, cv2.merge([grain] * 3), dtype=cv2.CV_8U)
