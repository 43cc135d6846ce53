"""A drawn video of a street, labelled for its first seconds.

For trying out search in one's own footage without a camera: persons walk
through the picture, and each of them comes back once, later and the other
way. ``gt/gt.txt`` has the boxes of the labelled part in the form that
labelling tools export; ``truth.json`` says who is seen from when to when.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmdet_ps.utils.command_line import ArgumentParser, number, whole_number

from .appearance import Person
from .build import Build
from .camera import Camera
from .jobs import JPEG_QUALITY
from .placement import MEAN_HEIGHT, Placement
from .scene import Actor, Sighting, render_scene
from .sizes import SearchSize
from .skeleton import Pose

STYLE = 'PRW'  # the domain: clothes, places, cameras
SIZE = (320, 200)
RATE = 5  # frames in a second
CROSSING = (7.0, 12.0)  # seconds, fast and slow
STEPS = 1.6  # phases of a step in a second, times pi
LABEL_EVERY = 2  # frames
LEAST_VISIBLE = 0.2  # share of a body that is labelled
NAME = 'street'


@dataclass(frozen=True)
class Walk:
    """One person who crosses the picture once.

    Args:
        tag (int): Number of the person, from 1.
        start, end (float): Times in seconds at which the person enters and
            leaves the picture.
        share (float): Height of an average person at that distance, as a
            share of the picture's.
        leftwards (bool): Whether the person walks from right to left.
    """

    tag: int
    start: float
    end: float
    share: float
    leftwards: bool

    def placement(
        self, seconds: float, camera: Camera, person: Person
    ) -> Placement | None:
        """Where the person is, or None outside of the picture."""
        if not self.start <= seconds <= self.end:
            return None
        width, height = SIZE
        tall = self.share * height * person.height / MEAN_HEIGHT
        way = (seconds - self.start) / (self.end - self.start)
        way = 1 - way if self.leftwards else way
        pose = Pose(
            yaw=(1.5 if self.leftwards else 0.5) * np.pi,
            phase=STEPS * np.pi * seconds,
        )
        # From half a body outside to half a body outside.
        x = -0.2 * tall + way * (width + 0.4 * tall)
        foot = camera.foot(self.share) * height
        return Placement((float(x), float(foot)), float(tall), pose)


def plan(
    rng: np.random.Generator, persons: int, seconds: float, camera: Camera
) -> list[Walk]:
    """Two walks of everybody, in the first and in the second half."""
    walks = []
    for half in (0, 1):
        begins = half * seconds / 2
        longest = min(CROSSING[1], seconds / 2)
        last = max(seconds / 2 - longest, 0)
        for place, tag in enumerate(rng.permutation(persons) + 1):
            start = begins + last * place / max(persons - 1, 1)
            lasts = rng.uniform(min(CROSSING[0], longest), longest)
            share = rng.uniform(camera.far, camera.near)
            walks.append(
                Walk(int(tag), start, start + lasts, share, bool(half))
            )
    return walks


def make_film(
    folder: Path, persons: int, seconds: float, labelled: float, seed: int
) -> None:
    """Draw the video, its labels and what is true of it.

    Args:
        folder (Path): Gets ``street.avi``, ``gt/gt.txt``, ``seqinfo.ini`` and
            ``truth.json``.
        persons (int): How many walk through it.
        seconds (float): Its length.
        labelled (float): Seconds from the beginning that are labelled.
        seed (int): Seed of everything that is random.
    """
    build = Build(
        NAME, folder, SearchSize(SIZE, 0, 0, 0, 0), seed, style=STYLE
    )
    camera = build.camera(0)
    people = build.population(persons)
    walks = plan(build.rng('walks'), persons, seconds, camera)
    folder.mkdir(parents=True, exist_ok=True)
    film = cv2.VideoWriter(
        str(folder / f'{NAME}.avi'),
        cv2.VideoWriter_fourcc(*'MJPG'),
        RATE,
        SIZE,
    )
    film.set(cv2.VIDEOWRITER_PROP_QUALITY, JPEG_QUALITY)
    rows: list[str] = []
    seen: dict[int, list[float]] = {}
    for step in range(round(seconds * RATE)):
        when = step / RATE
        actors, numbers = [], []
        for number_of_walk, walk in enumerate(walks):
            person = people[walk.tag - 1]
            place = walk.placement(when, camera, person)
            if place is not None:
                actors.append(Actor(person, walk.tag, place))
                numbers.append(number_of_walk)
        scene = build.scene(
            (0,), (0,), SIZE, camera, actors, num_props=0, light_swing=0
        )
        image, sightings = render_scene(scene)
        film.write(image)
        for walk_number, sighting in zip(numbers, sightings):
            if is_labelled(sighting):
                seen.setdefault(walk_number, []).append(when)
                if step % LABEL_EVERY == 0 and when < labelled:
                    rows.append(row_of(step, sighting))
    film.release()
    (folder / 'gt').mkdir(exist_ok=True)
    (folder / 'gt/gt.txt').write_text(''.join(rows))
    settings = settings_of(round(seconds * RATE))
    (folder / 'seqinfo.ini').write_text(settings)
    truth = [
        dict(person=walks[k].tag, start=times[0], end=times[-1])
        for k, times in sorted(seen.items())
    ]
    (folder / 'truth.json').write_text(json.dumps(truth, indent=1) + '\n')


def is_labelled(sighting: Sighting) -> bool:
    """Whether enough of a person is inside and in sight."""
    x1, _, x2, _ = sighting.box
    inside = (min(x2, SIZE[0]) - max(x1, 0)) / (x2 - x1)
    return min(inside, sighting.visibility) >= LEAST_VISIBLE


def row_of(step: int, sighting: Sighting) -> str:
    """A line of gt.txt.

    Args:
        step (int): Number of the frame, from 0; the file counts from 1.
        sighting (Sighting): The person in it.
    """
    x1, y1, x2, y2 = sighting.box
    box = f'{x1:.1f},{y1:.1f},{x2 - x1:.1f},{y2 - y1:.1f}'
    return f'{step + 1},{sighting.tag},{box},1\n'


def settings_of(frames: int) -> str:
    """Text of seqinfo.ini for a video of so many frames."""
    width, height = SIZE
    return (
        f'[Sequence]\nname={NAME}\nframeRate={RATE}\nseqLength={frames}\n'
        f'imWidth={width}\nimHeight={height}\n'
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('folder', type=Path, help='is made; gets the video and its labels')
    add('--persons', type=whole_number(1), default=20)
    add('--seconds', type=number(2), default=120)
    add(
        '--labelled',
        type=number(1),
        default=60,
        help='seconds from the beginning',
    )
    add('--seed', type=whole_number(), default=0)
    return parser.parse_args()


def main() -> None:
    """Draw one video."""
    args = parse_args()
    make_film(
        args.folder, args.persons, args.seconds, args.labelled, args.seed
    )
    print(f'{args.folder}: {args.seconds:g} s, {args.persons} persons')
