"""Renders one re-identification crop: a person cut from a camera's view."""

from dataclasses import dataclass

import cv2
import numpy as np

from .appearance import Person
from .backdrop import Setting
from .camera import Camera, expose
from .canvas import cut_out, lay_over
from .figure import make_figure
from .placement import sample_pose
from .props import make_prop
from .randomness import pick, stream
from .scene import NOBODY, PROPS, SceneSpec, backdrop
from .shapes import extent

MARGIN = 1.07  # a detector's box is a little larger than the person


@dataclass(frozen=True)
class CropSpec:
    """All that a crop depends on."""

    seed: int
    key: tuple
    place: tuple
    size: tuple[int, int]  # width, height
    camera: Camera
    setting: Setting
    person: Person | None  # None: a detector's false alarm
    passer_by: Person | None = None  # partly in the picture
    sloppiness: float = 0.05  # misplaced detection box
    coarseness: float = 2.0  # up to this many times fewer true pixels


def _ground(spec: CropSpec, rng: np.random.Generator) -> np.ndarray:
    """A random window (H, W, 3) of the camera's empty view."""
    width, height = spec.size
    view = (height * 3, height * 2)
    image = backdrop(
        SceneSpec(
            spec.seed, (), spec.place, view, spec.camera, spec.setting, ()
        )
    )
    x = int(rng.integers(0, view[0] - width + 1))
    low = int(view[1] * spec.camera.horizon * 0.4)
    y = int(rng.integers(low, view[1] - height + 1))
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def _draw(
    image: np.ndarray,
    shapes: list,
    centre_x: float,
    foot_y: float,
    height: float,
    light: float,
) -> None:
    lay_over(
        image, cut_out(shapes, height, (centre_x, foot_y), light), None, NOBODY
    )


def render_crop(spec: CropSpec) -> np.ndarray:
    """Draw a crop, (H, W, 3) uint8, BGR."""
    rng = stream(spec.seed, 'crop', spec.key)
    width, height = spec.size
    image = _ground(spec, rng)
    light = spec.camera.light
    if spec.person is None:
        thing = make_prop(rng, pick(rng, PROPS))
        _draw(
            image,
            thing.shapes,
            width * rng.uniform(0.3, 0.7),
            height * 0.95,
            height * rng.uniform(0.6, 0.9),
            light,
        )
        return expose(image, spec.camera, rng)
    if spec.passer_by and rng.random() < 0.5:
        _draw(
            image,
            make_figure(spec.passer_by, sample_pose(rng)).shapes,
            width * rng.choice([0.0, 1.0]),
            height * 0.9,
            height * 0.8,
            light,
        )
    figure = make_figure(spec.person, sample_pose(rng))
    x0, y0, x1, y1 = extent(figure.shapes)
    shift = rng.normal(0, spec.sloppiness, 3)
    scale = height / ((y1 - y0) * MARGIN * (1 + abs(shift[2])))
    scale = min(scale, 1.25 * width / (x1 - x0))
    centre = width / 2 - (x0 + x1) / 2 * scale + shift[0] * width
    foot = height / 2 + (y0 + y1) / 2 * scale + shift[1] * height * 0.5
    _draw(image, figure.shapes, centre, foot, scale, light)
    if rng.random() < 0.12:
        thing = make_prop(rng, pick(rng, {'bin': 1, 'bush': 1, 'pole': 1}))
        _draw(
            image,
            thing.shapes,
            width * rng.uniform(0.1, 0.9),
            height * 1.02,
            height * 0.45,
            light,
        )
    return expose(_coarsen(image, rng, spec.coarseness), spec.camera, rng)


def _coarsen(
    image: np.ndarray, rng: np.random.Generator, coarseness: float
) -> np.ndarray:
    """The picture (H, W, 3) with the detail of a more distant person."""
    height, width = image.shape[:2]
    factor = rng.uniform(1, max(1.0, coarseness))
    if factor <= 1.15:
        return image
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    reduced = cv2.resize(image, small, None, 0, 0, cv2.INTER_AREA)
    return cv2.resize(reduced, (width, height))
