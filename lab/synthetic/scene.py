"""Renders one picture with persons and says where everybody is in it."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .appearance import Person
from .backdrop import Setting, paint_backdrop
from .camera import Camera, expose
from .canvas import cut_out, lay_over
from .figure import Figure, make_figure
from .placement import MEAN_HEIGHT, Placement, hidden_share, place_all
from .props import make_prop
from .randomness import pick, stream
from .shapes import extent
from .skeleton import Pose

NOBODY = 0  # in the owner map: backdrop or prop
MAX_HIDDEN_BY_PROP = 0.35
PROPS = {
    'bin': 1,
    'post': 1.5,
    'mannequin': 1.2,
    'poster': 1,
    'pole': 1,
    'bush': 1,
    'car': 0.5,
    'hydrant': 0.5,
}


@dataclass(frozen=True)
class Actor:
    """A person who is to appear in a scene."""

    person: Person
    tag: int  # the identity, in the words of whoever asked for the scene
    placement: Placement | None = None  # None: anywhere


@dataclass(frozen=True)
class SceneSpec:
    """All that a picture depends on.

    Args:
        seed: Seed of the set.
        key: Names the random numbers of this picture.
        place: Names those of the backdrop, which pictures of one camera
            share.
        size: Width and height in pixels.
        camera: The camera that looks on.
        setting: What places look like.
        actors: Who is to be seen.
        num_props: Mean number of things that stand around.
        max_hidden: Share of a person that another may hide.
        liveliness: How often arms are raised and steps are long, from 0 to 1.
        light_swing: How far the brightness changes from picture to picture,
            as a share.
    """

    seed: int
    key: tuple
    place: tuple
    size: tuple[int, int]
    camera: Camera
    setting: Setting
    actors: tuple[Actor, ...]
    num_props: float = 1.5
    max_hidden: float = 0.5
    liveliness: float = 0.0
    light_swing: float = 0.05


@dataclass(frozen=True)
class Sighting:
    """One person as seen in one picture.

    Args:
        tag: Identity of the person, as given to the ``Actor``.
        box: Box of the whole body, xyxy in pixels; may leave the picture.
        visible_box: Box of what is seen of it.
        head_box: Box of the head.
        visibility: Share of the body's pixels that is seen.
        joints: Name of a joint -> x and y in pixels.
    """

    tag: int
    box: tuple[float, float, float, float]
    visible_box: tuple[float, float, float, float]
    head_box: tuple[float, float, float, float]
    visibility: float
    joints: dict[str, tuple[float, float]] = field(repr=False)


@lru_cache(maxsize=24)
def _backdrop(
    seed: int,
    place: tuple,
    size: tuple[int, int],
    horizon: float,
    setting_key: str,
) -> np.ndarray:
    return paint_backdrop(
        stream(seed, 'backdrop', place), *size, horizon, _SETTINGS[setting_key]
    )


_SETTINGS: dict[str, Setting] = {}  # hashable stand-in for lru_cache


def backdrop(spec: SceneSpec) -> np.ndarray:
    """The empty place of a scene, (H, W, 3) uint8, BGR; it may be drawn on."""
    key = repr(spec.setting)
    _SETTINGS[key] = spec.setting
    return _backdrop(
        spec.seed, spec.place, spec.size, spec.camera.horizon, key
    ).copy()


def _car_hides(spot: Placement, placed: list[Placement]) -> bool:
    return any(
        abs(other.foot[0] - spot.foot[0]) < spot.height * 1.3
        and other.foot[1] < spot.foot[1]
        for other in placed
    )


def _place_props(
    rng: np.random.Generator, spec: SceneSpec, placed: list[Placement]
) -> list[tuple[Placement, str]]:
    width, height = spec.size
    props = []
    for _ in range(rng.poisson(spec.num_props)):
        kind = pick(rng, PROPS)
        share = rng.uniform(spec.camera.far, spec.camera.near)
        spot = Placement(
            (
                float(rng.uniform(0, width)),
                float(spec.camera.foot(share) * height),
            ),
            share * height,
            Pose(0, 0),
        )
        if kind == 'car':
            free = not _car_hides(spot, placed)
        else:
            free = hidden_share(spot, placed) < MAX_HIDDEN_BY_PROP
        if free:
            props.append((spot, kind))
    return props


def _to_pixels(points: np.ndarray, placement: Placement) -> np.ndarray:
    """Figure coordinates (..., 2) as picture coordinates."""
    return (
        np.multiply(points, (placement.height, -placement.height))
        + placement.foot
    )


def _box(shapes: list, placement: Placement) -> tuple:
    x0, y0, x1, y1 = extent(shapes)
    corners = _to_pixels(np.array([(x0, y1), (x1, y0)]), placement)
    return tuple(corners.ravel().tolist())


def _visible_box(mask: np.ndarray) -> tuple:
    """Bounds (x1, y1, x2, y2) of the true pixels of a mask (H, W)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return (0.0, 0.0, 0.0, 0.0)
    return (
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] + 1),
        float(rows[-1] + 1),
    )


def _draw_by_depth(
    rng: np.random.Generator,
    spec: SceneSpec,
    picture: np.ndarray,
    places: list[Placement],
    figures: list[Figure],
) -> tuple[np.ndarray, list[int]]:
    """Draw everybody and the props in place, the nearest last.

    Returns what is seen at each pixel, (H, W) with actor + 1, and how many
    pixels each actor would have if nothing stood in front.
    """
    owners = np.zeros(picture.shape[:2], np.uint16)
    light = spec.camera.light
    items = [
        (place.foot[1], index, None) for index, place in enumerate(places)
    ]
    items += [
        (place.foot[1], -1, (place, kind))
        for place, kind in _place_props(rng, spec, places)
    ]
    solid = [0] * len(places)
    for _, index, prop in sorted(items, key=lambda item: item[:2]):
        if prop is None:
            place = places[index]
            shapes = figures[index].shapes
            cut = cut_out(shapes, place.height, place.foot, light)
            solid[index] = lay_over(picture, cut, owners, index + 1)
        else:
            place, kind = prop
            thing = make_prop(rng, kind)
            height = place.height * thing.height / MEAN_HEIGHT
            cut = cut_out(thing.shapes, height, place.foot, light)
            lay_over(picture, cut, owners, NOBODY)
    return owners, solid


def render_scene(spec: SceneSpec) -> tuple[np.ndarray, list[Sighting]]:
    """The picture (H, W, 3) uint8 and one sighting per actor, in order."""
    rng = stream(spec.seed, 'scene', spec.key)
    picture = backdrop(spec)
    free = [actor.person for actor in spec.actors if not actor.placement]
    found = iter(
        place_all(
            rng, spec.camera, spec.size, free, spec.max_hidden, spec.liveliness
        )
    )
    places = [actor.placement or next(found) for actor in spec.actors]
    figures = [
        make_figure(actor.person, place.pose)
        for actor, place in zip(spec.actors, places)
    ]
    owners, solid = _draw_by_depth(rng, spec, picture, places, figures)
    swing = 1 + rng.uniform(-1, 1) * spec.light_swing
    picture = expose(
        np.clip(picture * swing, 0, 255).astype(np.uint8), spec.camera, rng
    )
    sightings = [
        _sighting(
            spec.actors[index].tag,
            places[index],
            figures[index],
            owners == index + 1,
            solid[index],
        )
        for index in range(len(places))
    ]
    return picture, sightings


def _sighting(
    tag: int, place: Placement, figure: Figure, seen: np.ndarray, solid: int
) -> Sighting:
    """What the mask (H, W) of its visible pixels says about a person."""
    return Sighting(
        tag,
        _box(figure.shapes, place),
        _visible_box(seen),
        _box(figure.head, place),
        float(seen.sum() / max(1, solid)),
        {
            name: tuple(_to_pixels(point, place).tolist())
            for name, point in figure.joints.items()
        },
    )
