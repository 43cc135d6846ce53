"""Cloth on the trunk: a round body surface with patterns painted on it.

The trunk is a stack of ellipses. A patch is given by its azimuth around the
body (0 = middle of the chest, positive to the person's left) and its height,
so a logo or an open jacket turns with the body and hides behind it.
"""

import numpy as np

from .appearance import Person
from .palette import Colour, shade
from .shapes import Shape
from .skeleton import HIP_Y, SHOULDER_Y, View

FULL_TURN = (-np.pi, np.pi)
NAVEL = (HIP_Y + SHOULDER_Y) / 2


class Trunk:
    """Outline of the upper body from `hem` (y) to the shoulders."""

    def __init__(
        self,
        view: View,
        build: float,
        hem: float,
        flare: float,
        bulk: float,
        drop: float,
        lean: float,
    ) -> None:
        self.hem, self.drop, self.view = hem, drop, view
        self.lean = float(np.sin(lean)) * view.sin
        heights = [
            hem,
            HIP_Y,
            HIP_Y + 0.1,
            SHOULDER_Y - 0.08,
            SHOULDER_Y + 0.005,
            SHOULDER_Y + 0.028,
        ]
        below = max(0.0, HIP_Y - hem)
        side = np.array(
            [0.085 + below * flare, 0.085, 0.077, 0.1, 0.104, 0.06]
        )
        depth = np.array(
            [0.07 + below * flare, 0.07, 0.062, 0.07, 0.056, 0.04]
        )
        self.heights = np.array(heights)
        self.side = (side + bulk) * build
        self.depth = (depth + bulk) * build

    def _half_width(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half width (n,) and azimuth of the outline (n,) at heights y."""
        side = np.interp(y, self.heights, self.side) * self.view.cos
        depth = np.interp(y, self.heights, self.depth) * self.view.sin
        return np.hypot(side, depth), np.arctan2(depth, side)

    def patch(
        self,
        azimuth: tuple[float, float],
        low: float,
        high: float,
        colour: Colour,
    ) -> list[Shape]:
        """The visible part of a patch of the surface.

        Args:
            azimuth: Where it begins and ends around the body, in radians, see
                the module.
            low, high: Its lower and upper end, in y.
            colour: Its colour, BGR.
        """
        inner = self.heights[(self.heights > low) & (self.heights < high)]
        y = np.array([low, *inner, high])
        width, turn = self._half_width(y)
        if azimuth == FULL_TURN:
            left, right = -np.ones_like(y), np.ones_like(y)
        else:
            middle = (azimuth[0] + azimuth[1]) / 2 + turn
            middle = (middle + np.pi) % (2 * np.pi) - np.pi
            reach = (azimuth[1] - azimuth[0]) / 2
            left, right = (
                np.sin(np.clip(angle, -np.pi / 2, np.pi / 2))
                for angle in (middle - reach, middle + reach)
            )
            if np.all(right - left < 1e-3):
                return []
        shift = self.lean * np.clip(y - HIP_Y, 0, 1)
        outline = np.concatenate(
            [
                np.stack([left * width + shift, y], 1),
                np.stack([right * width + shift, y], 1)[::-1],
            ]
        )
        outline[:, 1] -= self.drop
        return [Shape(outline, colour)]


def _bars(
    trunk: Trunk, low: float, high: float, count: int, colour: Colour
) -> list[Shape]:
    edges = np.linspace(low, high, 2 * count + 1)
    return [
        shape
        for index in range(count)
        for shape in trunk.patch(
            FULL_TURN, edges[2 * index], edges[2 * index + 1], colour
        )
    ]


def _pinstripes(
    trunk: Trunk, low: float, high: float, colour: Colour
) -> list[Shape]:
    return [
        shape
        for angle in np.arange(-np.pi, np.pi - 0.1, np.pi / 5)
        for shape in trunk.patch((angle, angle + 0.27), low, high, colour)
    ]


def _checks(
    trunk: Trunk, low: float, high: float, colour: Colour
) -> list[Shape]:
    rows = np.linspace(low, high, 6)
    step = np.pi / 4
    return [
        shape
        for row in range(5)
        for column in range(4)
        for shape in trunk.patch(
            (
                -np.pi + step * (2 * column + row % 2),
                -np.pi + step * (2 * column + row % 2 + 1),
            ),
            rows[row],
            rows[row + 1],
            colour,
        )
    ]


def pattern_shapes(
    trunk: Trunk, pattern: str, low: float, high: float, colour: Colour
) -> list[Shape]:
    """What a pattern paints over plain cloth between two heights."""
    size = high - low
    if pattern == 'stripes':
        return _bars(trunk, low, high, 4, colour)
    if pattern == 'pinstripes':
        return _pinstripes(trunk, low, high, colour)
    if pattern == 'checks':
        return _checks(trunk, low, high, colour)
    if pattern == 'logo':
        middle = low + 0.62 * size
        return trunk.patch(
            (-0.55, 0.55), middle - 0.16 * size, middle + 0.16 * size, colour
        ) + trunk.patch(
            (np.pi - 0.7, np.pi + 0.7),
            middle - 0.1 * size,
            middle + 0.1 * size,
            colour,
        )
    if pattern == 'halves':
        return trunk.patch(FULL_TURN, low, low + 0.5 * size, colour)
    if pattern == 'sides':
        return trunk.patch((0, np.pi), low, high, colour)
    if pattern == 'band':
        return trunk.patch(
            FULL_TURN, low + 0.42 * size, low + 0.68 * size, colour
        )
    return []


def _open_front(trunk: Trunk, inner: Colour) -> list[Shape]:
    return trunk.patch((-0.38, 0.38), trunk.hem, SHOULDER_Y + 0.028, inner)


def top_shapes(trunk: Trunk, person: Person) -> list[Shape]:
    """The garment of the upper body."""
    main = person.cloth(person.top_colour)
    second = person.cloth(person.second_colour)
    top = SHOULDER_Y + 0.028
    shapes = trunk.patch(FULL_TURN, trunk.hem, top, main)
    shapes += pattern_shapes(
        trunk, person.pattern, max(trunk.hem, 0.42), SHOULDER_Y, second
    )
    if person.top in ('jacket', 'coat'):
        if person.pattern == 'plain':
            shapes += _open_front(trunk, second)
        shapes += trunk.patch((-0.05, 0.05), trunk.hem, top, shade(main, 0.55))
    if person.top == 'coat':
        shapes += trunk.patch(
            FULL_TURN, NAVEL - 0.02, NAVEL + 0.005, shade(second, 0.8)
        )
    if person.top == 'hoodie':
        shapes += trunk.patch(
            (-0.8, 0.8), HIP_Y + 0.02, HIP_Y + 0.1, shade(main, 0.75)
        )
    return shapes
