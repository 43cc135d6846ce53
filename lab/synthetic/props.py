"""Things that are not persons but stand where persons stand.

Some are there to be mistaken for one (a dressed post, a mannequin torso, a
poster with a painted figure); all of them hide persons behind them.
Drawn like figures: y upwards from the ground, 1 unit = the prop's height.
"""

from dataclasses import dataclass

import numpy as np

from .palette import CLOTH, SKIN, Colour, shade
from .shapes import Shape, ellipse, limb, polygon, rectangle

DARK: Colour = (48, 46, 44)
METAL: Colour = (150, 148, 142)


@dataclass(frozen=True)
class Prop:
    """A thing that stands in a scene, drawn at its feet."""

    shapes: list[Shape]
    height: float  # metres


def _cloth(rng: np.random.Generator) -> Colour:
    return CLOTH[list(CLOTH)[rng.integers(len(CLOTH))]]


def _bin(rng: np.random.Generator) -> Prop:
    colour = shade(_cloth(rng), 0.8)
    return Prop(
        [
            polygon(
                [(-0.3, 0), (0.3, 0), (0.36, 0.85), (-0.36, 0.85)], colour
            ),
            rectangle(-0.4, 0.83, 0.4, 0.95, shade(colour, 0.7)),
            rectangle(-0.2, 0.3, 0.2, 0.55, shade(colour, 1.4)),
        ],
        1.05,
    )


def _post(rng: np.random.Generator) -> Prop:
    """A post with a round top and two bands: a person seen from afar."""
    upper, lower = _cloth(rng), _cloth(rng)
    return Prop(
        [
            rectangle(-0.07, 0, 0.07, 0.45, lower),
            rectangle(-0.1, 0.45, 0.1, 0.8, upper),
            ellipse((0, 0.9), 0.08, 0.1, shade(upper, 0.6)),
        ],
        1.6,
    )


def _mannequin(rng: np.random.Generator) -> Prop:
    """A shop dummy: dressed torso without head and legs on a stand."""
    cloth = _cloth(rng)
    return Prop(
        [
            rectangle(-0.012, 0, 0.012, 0.5, METAL),
            ellipse((0, 0.01), 0.12, 0.02, METAL),
            polygon(
                [
                    (-0.12, 0.48),
                    (0.12, 0.48),
                    (0.1, 0.66),
                    (0.15, 0.9),
                    (-0.15, 0.9),
                    (-0.1, 0.66),
                ],
                cloth,
            ),
            rectangle(-0.12, 0.6, 0.12, 0.66, shade(cloth, 0.6)),
            ellipse((0, 0.93), 0.03, 0.06, METAL),
        ],
        1.55,
    )


def _poster(rng: np.random.Generator) -> Prop:
    """A standing advertisement that shows a bust."""
    paper, cloth = _cloth(rng), _cloth(rng)
    skin = SKIN[list(SKIN)[rng.integers(len(SKIN))]]
    return Prop(
        [
            rectangle(-0.32, 0.06, 0.32, 1, DARK),
            rectangle(-0.29, 0.1, 0.29, 0.97, shade(paper, 0.9)),
            ellipse((0.02, 0.62), 0.1, 0.14, skin),
            ellipse((0.02, 0.7), 0.11, 0.08, DARK),
            polygon(
                [(-0.2, 0.12), (0.24, 0.12), (0.17, 0.46), (-0.13, 0.46)],
                cloth,
            ),
        ],
        1.5,
    )


def _pole(rng: np.random.Generator) -> Prop:
    sign = shade(_cloth(rng), 0.9)
    shapes = [rectangle(-0.018, 0, 0.018, 1, METAL)]
    if rng.random() < 0.6:
        shapes.append(ellipse((0, 0.92), 0.1, 0.1, (235, 235, 235)))
        shapes.append(ellipse((0, 0.92), 0.08, 0.08, sign))
    return Prop(shapes, 2.6)


def _bush(rng: np.random.Generator) -> Prop:
    leaf = shade((50, 110, 60), rng.uniform(0.6, 1.2))
    return Prop(
        [
            ellipse((x, y), 0.32, 0.3, shade(leaf, tone))
            for x, y, tone in (
                (-0.4, 0.3, 0.8),
                (0.4, 0.32, 0.9),
                (0, 0.45, 0.7),
                (-0.15, 0.62, 1.1),
                (0.25, 0.6, 1.0),
            )
        ],
        0.95,
    )


def _car(rng: np.random.Generator) -> Prop:
    paint = shade(_cloth(rng), 0.95)
    glass: Colour = (120, 105, 85)
    wheels = [
        shape
        for x in (-0.85, 0.85)
        for shape in (
            ellipse((x, 0.2), 0.22, 0.2, DARK),
            ellipse((x, 0.2), 0.1, 0.09, METAL),
        )
    ]
    return Prop(
        [
            polygon(
                [
                    (-1.4, 0.18),
                    (1.4, 0.18),
                    (1.42, 0.5),
                    (1, 0.62),
                    (0.62, 0.98),
                    (-0.7, 0.98),
                    (-1.1, 0.62),
                    (-1.42, 0.55),
                ],
                paint,
            ),
            polygon(
                [(-0.95, 0.6), (-0.05, 0.6), (-0.05, 0.9), (-0.65, 0.9)], glass
            ),
            polygon(
                [(0.05, 0.6), (0.85, 0.6), (0.55, 0.9), (0.05, 0.9)], glass
            ),
            *wheels,
        ],
        1.45,
    )


def _hydrant(rng: np.random.Generator) -> Prop:
    colour = (40, 60, 200) if rng.random() < 0.5 else (50, 190, 220)
    return Prop(
        [
            rectangle(-0.16, 0, 0.16, 0.8, colour),
            ellipse((0, 0.82), 0.16, 0.16, shade(colour, 0.8)),
            *limb(
                np.array([-0.26, 0.55]),
                np.array([0.26, 0.55]),
                0.08,
                0.08,
                shade(colour, 0.7),
            ),
        ],
        0.8,
    )


KINDS = {
    'bin': _bin,
    'post': _post,
    'mannequin': _mannequin,
    'poster': _poster,
    'pole': _pole,
    'bush': _bush,
    'car': _car,
    'hydrant': _hydrant,
}


def make_prop(rng: np.random.Generator, kind: str) -> Prop:
    """One thing of a kind, with colours of its own."""
    return KINDS[kind](rng)
