"""Puts a dressed person together from back to front."""

from dataclasses import dataclass

import numpy as np

from .appearance import Person
from .garments import FULL_TURN, Trunk, top_shapes
from .palette import Colour, shade
from .shapes import Shape, ellipse, limb, polygon
from .skeleton import HIP_Y, NECK_Y, SHOULDER_Y, Pose, Skeleton, make_skeleton

Part = tuple[float, list[Shape]]  # nearness to the viewer, shapes
HEMS = {'shirt': 0.465, 'hoodie': 0.455, 'jacket': 0.45, 'coat': 0.31}
BULK = {'shirt': 0.0, 'hoodie': 0.008, 'jacket': 0.008, 'coat': 0.011}
FAR_SIDE = 0.84  # limbs behind the body lie in its shadow


@dataclass(frozen=True)
class Figure:
    """A drawn person, 1 high, feet around (0, 0), y upwards.

    Args:
        shapes: What is drawn, back to front.
        joints: Name of a joint -> its place (2,).
        head: Shapes of the head alone.
    """

    shapes: list[Shape]
    joints: dict[str, np.ndarray]  # name -> (2,)
    head: list[Shape]


def _leg_parts(person: Person, bones: Skeleton) -> list[Part]:
    cloth = person.cloth(person.bottom_colour)
    shoes = person.cloth(person.shoes_colour)
    width = person.build
    parts = []
    for side in ('left', 'right'):
        near = bones.nearness(f'{side}_hip')
        dim = FAR_SIDE if near < 0 else 1.0
        hip, knee, ankle = (
            bones.at(f'{side}_{name}') for name in ('hip', 'knee', 'ankle')
        )
        bare = person.bottom in ('skirt', 'dress', 'shorts')
        skin = shade(person.skin_bgr, dim)
        trousers = shade(cloth, dim)
        shin_colour = skin if bare else trousers
        shapes = limb(knee, ankle, 0.035 * width, 0.024 * width, shin_colour)
        thigh = skin if person.bottom in ('skirt', 'dress') else trousers
        shapes += limb(hip, knee, 0.05 * width, 0.037 * width, thigh)
        if person.bottom == 'shorts':
            shapes += limb(
                hip,
                hip * 0.2 + knee * 0.8,
                0.052 * width,
                0.05 * width,
                trousers,
            )
        elif person.bottom == 'trousers' and person.bottom_stripe:
            stripe = shade(person.cloth(person.second_colour), dim)
            shapes += limb(hip, knee, 0.012, 0.012, stripe)
            shapes += limb(knee, ankle, 0.012, 0.012, stripe)
        toe = ankle + (0.05 * bones.view.sin, -0.006)
        shapes += limb(
            ankle - (0, 0.004), toe, 0.027, 0.021, shade(shoes, dim)
        )
        parts.append((near, shapes))
    return parts


def _arm_parts(person: Person, bones: Skeleton) -> list[Part]:
    cloth = person.cloth(
        person.second_colour if person.sleeve_contrast else person.top_colour
    )
    sleeves = 'long' if person.top != 'shirt' else person.sleeves
    bulk = BULK[person.top]
    width = person.build**0.5
    parts = []
    for side in ('left', 'right'):
        near = bones.nearness(f'{side}_shoulder')
        dim = FAR_SIDE if near < -0.03 else 0.95
        shoulder, elbow, wrist = (
            bones.at(f'{side}_{name}')
            for name in ('shoulder', 'elbow', 'wrist')
        )
        skin, sleeve = shade(person.skin_bgr, dim), shade(cloth, dim)
        upper = skin if sleeves == 'none' else sleeve
        lower = sleeve if sleeves == 'long' else skin
        thick = 0.033 * width + bulk
        shapes = [ellipse(wrist, 0.024, 0.026, skin)]
        shapes += limb(elbow, wrist, thick * 0.8, thick * 0.68, lower)
        if sleeves == 'short':
            shapes += limb(shoulder, elbow, thick * 0.9, thick * 0.8, skin)
            cuff = shoulder * 0.35 + elbow * 0.65
            shapes += limb(shoulder, cuff, thick, thick, upper)
        else:
            shapes += limb(shoulder, elbow, thick, thick * 0.85, upper)
        if person.bag == 'tote' and side == 'left':
            shapes = _tote(person, wrist) + shapes
        parts.append((near, shapes))
    return parts


def _tote(person: Person, wrist: np.ndarray) -> list[Shape]:
    colour = person.cloth(person.bag_colour)
    x, y = wrist
    return [
        polygon(
            [
                (x - 0.012, y),
                (x + 0.012, y),
                (x + 0.03, y - 0.07),
                (x - 0.03, y - 0.07),
            ],
            shade(colour, 0.6),
        ),
        polygon(
            [
                (x - 0.06, y - 0.05),
                (x + 0.06, y - 0.05),
                (x + 0.05, y - 0.18),
                (x - 0.05, y - 0.18),
            ],
            colour,
        ),
    ]


def _bag_parts(person: Person, bones: Skeleton, trunk: Trunk) -> list[Part]:
    colour = person.cloth(person.bag_colour)
    view, drop = bones.view, trunk.drop
    if person.bag == 'backpack':
        middle = view.project(0, SHOULDER_Y - 0.13 - drop, -0.1)
        half = 0.085 * abs(view.cos) + 0.062 * abs(view.sin)
        pack = [
            ellipse(middle, half, 0.125, colour),
            ellipse(
                middle - (0, 0.045), half * 0.7, 0.055, shade(colour, 0.72)
            ),
        ]
        straps = [
            shape
            for side in (-1, 1)
            for shape in trunk.patch(
                (side * 0.75 - 0.16, side * 0.75 + 0.16),
                SHOULDER_Y - 0.19,
                SHOULDER_Y + 0.028,
                shade(colour, 0.85),
            )
        ]
        return [(0.001, straps), (-0.09 * view.cos + 0.002, pack)]
    if person.bag == 'shoulder':
        hip = view.project(0.11 * person.build, HIP_Y - 0.01 - drop, 0.02)
        neck = view.project(-0.06, SHOULDER_Y + 0.02 - drop, 0)
        strap = limb(neck, hip, 0.012, 0.012, shade(colour, 0.7))
        half = 0.055 * abs(view.cos) + 0.085 * abs(view.sin)
        near = view.nearness(0.11, 0.02)
        bag = [
            polygon(
                [
                    (hip[0] - half, hip[1] + 0.055),
                    (hip[0] + half, hip[1] + 0.055),
                    (hip[0] + half, hip[1] - 0.065),
                    (hip[0] - half, hip[1] - 0.065),
                ],
                colour,
            )
        ]
        return [(0.002, strap), (near + 0.003, bag)]
    return []


def _skirt_parts(
    person: Person, bones: Skeleton, trunk: Trunk, lean: float
) -> list[Part]:
    colour = person.cloth(person.bottom_colour)
    if person.bottom not in ('skirt', 'dress'):
        return [
            (-0.03, trunk.patch(FULL_TURN, trunk.hem, HIP_Y + 0.03, colour))
        ]
    length = 0.27 if person.bottom == 'skirt' else 0.24
    cone = Trunk(
        bones.view, person.build, length, 0.28, 0.004, trunk.drop, lean
    )
    shapes = cone.patch(FULL_TURN, length, HIP_Y + 0.04, colour)
    if person.bottom_stripe:
        shapes += cone.patch(
            FULL_TURN,
            length + 0.02,
            length + 0.06,
            person.cloth(person.second_colour),
        )
    return [(-0.03, shapes)]


def _face(
    person: Person, bones: Skeleton, centre: np.ndarray, hair: Colour
) -> list[Shape]:
    """Front of the head, pushed to the side the person looks to."""
    view = bones.view
    if view.cos < -0.35:
        return []
    look = centre + (0.034 * view.sin, -0.014)
    width = 0.046 * (0.45 + 0.55 * abs(view.cos))
    shapes = [ellipse(look, width, 0.052, person.skin_bgr)]
    if person.hair == 'long':
        fringe = centre + (0, 0.034)
        shapes.append(ellipse(fringe, 0.046, 0.02, hair))
    if view.cos > 0:
        for side in (-1, 1):
            eye = look + (side * 0.018 * view.cos + 0.012 * view.sin, 0.006)
            shapes.append(ellipse(eye, 0.006, 0.006, (40, 34, 34)))
    return shapes


def _hat(person: Person, bones: Skeleton, centre: np.ndarray) -> list[Shape]:
    colour = person.cloth(person.hat_colour)
    x, y = centre
    crown = ellipse((x, y + 0.042), 0.062, 0.038, colour)
    if person.hat == 'beanie':
        return [
            crown,
            ellipse((x, y + 0.058), 0.052, 0.036, colour),
            ellipse((x, y + 0.093), 0.018, 0.018, shade(colour, 1.3)),
        ]
    if person.hat == 'cap':
        peak = (x + 0.055 * bones.view.sin, y + 0.03)
        return [crown, ellipse(peak, 0.045, 0.011, shade(colour, 0.7))]
    if person.hat == 'brim':
        return [crown, ellipse((x, y + 0.03), 0.1, 0.014, shade(colour, 0.8))]
    return []


def _head_parts(person: Person, bones: Skeleton) -> list[Part]:
    hair = person.hair_bgr
    centre = bones.at('head')
    x, y = centre
    front = bones.view.cos
    neck = limb(
        bones.at('neck') - (0, 0.03),
        centre,
        0.032,
        0.03,
        shade(person.skin_bgr, 0.85),
    )
    scalp = person.skin_bgr if person.hair == 'bald' else hair
    back_of_head = (x - 0.012 * bones.view.sin, y + 0.006)
    head = [ellipse(back_of_head, 0.057, 0.072, scalp)]
    if person.hair == 'afro':
        head.append(ellipse((x, y + 0.022), 0.09, 0.082, hair))
    if person.hair == 'bun':
        head.append(
            ellipse((x - 0.03 * bones.view.sin, y + 0.078), 0.03, 0.028, hair)
        )
    mane: list[Shape] = []
    if person.hair == 'long':
        middle = (x - 0.025 * bones.view.sin, y - 0.075)
        mane = [ellipse(middle, 0.064, 0.115, hair)]
    head += _face(person, bones, centre, hair)
    if person.hat != 'none':
        head += _hat(person, bones, centre)
    return [
        (-0.05, neck),
        (-0.06 if front > 0.3 else 0.09, mane),
        (0.08, head),
    ]


def make_figure(person: Person, pose: Pose) -> Figure:
    """Everything one sees of `person` in `pose`, back to front."""
    bones = make_skeleton(pose, person.build)
    drop = NECK_Y - float(bones.joints['neck'][1])
    trunk = Trunk(
        bones.view,
        person.build,
        HEMS[person.top],
        0.12,
        BULK[person.top],
        drop,
        pose.lean,
    )
    legs = sorted(_leg_parts(person, bones), key=lambda part: part[0])
    upper = _skirt_parts(person, bones, trunk, pose.lean)
    upper.append((-0.02, top_shapes(trunk, person)))
    upper += _arm_parts(person, bones)
    upper += _bag_parts(person, bones, trunk)
    upper += _head_parts(person, bones)
    upper.sort(key=lambda part: part[0])
    shapes = [shape for _, part in (*legs, *upper) for shape in part]
    head = _head_parts(person, bones)[-1][1]
    joints = {name: bones.at(name) for name in bones.joints}
    return Figure(shapes, joints, head)
