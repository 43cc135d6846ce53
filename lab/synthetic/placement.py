"""Where in the picture everybody stands, without hiding anyone wholly."""

from dataclasses import dataclass

import numpy as np

from .appearance import Person
from .camera import Camera
from .skeleton import Pose

MEAN_HEIGHT = 1.72  # metres; the person a camera's geometry speaks of
TRIES = 24
Box = tuple[float, float, float, float]
ASPECT = 0.42  # width of a walking person per height, for planning


@dataclass(frozen=True)
class Placement:
    """Where one person stands in one picture.

    Args:
        foot: Point between the feet, x and y in pixels.
        height: Height of the person in pixels.
        pose: What the body does.
    """

    foot: tuple[float, float]
    height: float
    pose: Pose

    @property
    def rough_box(self) -> Box:
        """About where the person will be seen: xyxy in pixels."""
        half = self.height * ASPECT / 2
        x, y = self.foot
        return x - half, y - self.height, x + half, y


def covered_share(behind: Box, front: Box) -> float:
    """Share of the box `behind` that the box `front` covers; both xyxy."""
    width = min(behind[2], front[2]) - max(behind[0], front[0])
    height = min(behind[3], front[3]) - max(behind[1], front[1])
    area = (behind[2] - behind[0]) * (behind[3] - behind[1])
    return max(width, 0.0) * max(height, 0.0) / area


def hidden_share(new: Placement, placed: list[Placement]) -> float:
    """Greatest share of one person that another one hides.

    All pairs of ``new`` with anybody in ``placed`` count, whoever of the two
    is in front.
    """
    worst = 0.0
    for other in placed:
        behind, front = sorted((new, other), key=lambda p: p.foot[1])
        worst = max(worst, covered_share(behind.rough_box, front.rough_box))
    return worst


def sample_pose(rng: np.random.Generator, liveliness: float = 0.0) -> Pose:
    """A walking pose; `liveliness` adds raised arms and long steps."""
    yaw = float(rng.choice([0, 0.5, 1, 1.5]) * np.pi + rng.normal(0, 0.35))
    raised = rng.random(2) < liveliness
    arms = np.where(raised, rng.uniform(0.6, 2.6, 2), 0)
    return Pose(
        yaw=yaw,
        phase=float(rng.uniform(0, 2 * np.pi)),
        stride=float(rng.uniform(0.15, 0.5) * (1 + 0.5 * liveliness)),
        left_arm=float(arms[0]),
        right_arm=float(arms[1]),
        lean=float(rng.uniform(0, 0.1 + 0.3 * liveliness)),
    )


def sample_placement(
    rng: np.random.Generator,
    camera: Camera,
    size: tuple[int, int],
    person: Person,
    liveliness: float = 0.0,
    share: float | None = None,
) -> Placement:
    """Draw a place on the ground for a person.

    Args:
        rng: Draws it.
        camera: The camera that looks on.
        size: Width and height of the picture in pixels.
        person: Who is to stand there.
        liveliness: How often arms are raised and steps are long, from 0 to 1.
        share: Height of an average person at that place, as a share of the
            image height; None draws that as well.
    """
    width, height = size
    if share is None:
        share = camera.far + (camera.near - camera.far) * rng.beta(1.1, 1.5)
    foot_y = camera.foot(share) * height
    own_height = share * height * person.height / MEAN_HEIGHT
    margin = 0.12 * own_height
    foot_x = rng.uniform(margin, width - margin)
    return Placement(
        (float(foot_x), float(foot_y)),
        float(own_height),
        sample_pose(rng, liveliness),
    )


def border_placement(
    rng: np.random.Generator, size: tuple[int, int], right: bool
) -> Placement:
    """Draw a place at which the right or the left border cuts a person.

    Args:
        rng: Draws it.
        size: Width and height of the picture in pixels.
        right: Take the right border, not the left one.
    """
    width, height = size
    x = width - 0.03 * height if right else 0.03 * height
    return Placement((x, height * 0.9), height * 0.55, sample_pose(rng))


def place_all(
    rng: np.random.Generator,
    camera: Camera,
    size: tuple[int, int],
    people: list[Person],
    max_hidden: float,
    liveliness: float = 0.0,
) -> list[Placement]:
    """Place persons in a picture.

    For each person several places are tried, until one hides little enough;
    of those tried the one that hides least is taken.

    Args:
        rng: Draws the places.
        camera: The camera that looks on.
        size: Width and height of the picture in pixels.
        people: Who is to be placed.
        max_hidden: Share of a person up to which another may hide it; how
            much of this share is allowed is drawn anew for each try.
        liveliness: As of :func:`sample_placement`.

    Returns:
        One placement per person, in their order.
    """
    placed: list[Placement] = []
    for person in people:
        best, least = None, np.inf
        for _ in range(TRIES):
            new = sample_placement(rng, camera, size, person, liveliness)
            hidden = hidden_share(new, placed)
            if hidden < least:
                best, least = new, hidden
            if hidden <= max_hidden * rng.random():
                break
        placed.append(best)
    return placed
