"""PRW: frames of six cameras, one MATLAB matrix per frame."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ..build import Build
from ..casting import cast_scenes
from ..placement import border_placement
from ..scene import Actor
from .matlab import cell, save
from .prw_identities import PRWIds, choose_ids, write_queries

NUM_CAMERAS = 6
CAMERA_SHARE = (0.16, 0.13, 0.19, 0.12, 0.18, 0.22)  # of all frames
UNLABELLED = -2
KEYS = ('box_new', 'anno_file', 'anno_previous')
CAPACITY = 5
# How far annotated boxes leave the picture: left, top, right, bottom.
OVERHANG = (3.0, 0.0, 9.0, 8.0)


@dataclass
class Frame:
    """A frame: who is in it, and the boxes of its file."""

    stem: str
    split: str
    camera: int
    size: tuple[int, int]
    actors: list[Actor] = field(default_factory=list)
    boxes: np.ndarray | None = None  # (N, 5): id, x, y, w, h as in the file


def camera_size(size: tuple[int, int], camera: int) -> tuple[int, int]:
    """Size of a camera's frames, as a share of the full one.

    Camera 6 of PRW records 720x576 pixels, the others 1920x1080.
    """
    width, height = size
    if camera == NUM_CAMERAS:
        return width * 720 // 1920, height * 576 // 1080
    return size


def make_frames(build: Build, split: str, count: int) -> list[Frame]:
    """Empty frames, sorted as in the frame_*.mat lists."""
    rng = build.rng('frames', split)
    shares = np.floor(np.array(CAMERA_SHARE) * count).astype(int)
    shares[-1] += count - shares.sum()
    frames = []
    for camera, number in enumerate(shares.tolist(), start=1):
        for index in range(number):
            sequence = 1 + (0 if split == 'train' else index % 2 + 1)
            jump = int(rng.integers(0, 3)) * 25 + (
                1 if split == 'train' else 9
            )
            stem = f'c{camera}s{sequence}_{index * 100 + jump:06d}'
            frames.append(
                Frame(
                    stem, split, camera, camera_size(build.size.image, camera)
                )
            )
    return sorted(frames, key=lambda frame: frame.stem)


def cast(build: Build, frames: list[Frame], people: dict) -> None:
    """Let every person pass two to four cameras, strangers anywhere."""
    rng = build.rng('cast', frames[0].split)
    wanted = max(3.0, len(frames) * 2.4 / len(people))
    counts: list[dict[int, int]] = [{} for _ in range(NUM_CAMERAS)]
    numbers = [
        sum(frame.camera == camera + 1 for frame in frames)
        for camera in range(NUM_CAMERAS)
    ]
    for tag in people:
        open_cameras = [
            camera
            for camera in rng.permutation(NUM_CAMERAS)
            if sum(counts[camera].values()) + 2 <= numbers[camera] * 3
        ]
        used = open_cameras[: int(rng.integers(2, 5))]
        for camera in used:
            most = min(numbers[camera], 6)
            share = int(np.clip(rng.poisson(wanted / len(used)), 1, most))
            counts[camera][tag] = share
    for camera in range(NUM_CAMERAS):
        own = [frame for frame in frames if frame.camera == camera + 1]
        scenes = cast_scenes(rng, counts[camera], len(own), CAPACITY + 4)
        for frame, tags in zip(own, scenes):
            frame.actors = [Actor(people[tag], tag) for tag in tags]


def add_strangers(build: Build, frames: list[Frame]) -> None:
    """Put passers-by without an identity into frames, one at least into an
    empty one."""
    strangers = build.population(60, 'strangers')
    for frame in frames:
        rng = build.rng('strangers', frame.stem)
        number = int(rng.poisson(0.7)) + (not frame.actors)
        for index in rng.choice(len(strangers), number, replace=False):
            frame.actors.append(Actor(strangers[int(index)], UNLABELLED))


def annotate(build: Build, frame: Frame, sightings: list) -> None:
    """Hand-drawn boxes: fractional, 1-based, a little out of the frame."""
    rng = build.rng('boxes', frame.stem)
    width, height = frame.size
    left, top, right, bottom = OVERHANG
    scale = height / build.size.image[1]
    rows = []
    for sighting in sightings:
        box = np.array(sighting.box) + rng.uniform(-0.6, 0.6, 4)
        low = np.maximum(box[:2], (-left * scale, top))
        high = np.minimum(
            box[2:], (width + right * scale, height + bottom * scale)
        )
        rows.append([sighting.tag, *(low + 1), *(high - low)])
    frame.boxes = np.round(np.array(rows, float), 4)
    frame.boxes[:, 2] = np.maximum(frame.boxes[:, 2], 1.0)


def save_annotation(build: Build, frame: Frame, index: int) -> None:
    """Write the boxes under one of the three names that PRW's files use."""
    path = build.root / f'annotations/{frame.stem}.jpg.mat'
    save(path, **{KEYS[index % len(KEYS)]: frame.boxes})


def save_query_crop(build: Build, frame: Frame, row: np.ndarray) -> None:
    """Write query_box/<id>_<stem>.jpg, cut from the frame."""
    image = cv2.imread(str(build.root / f'frames/{frame.stem}.jpg'))
    x, y, w, h = row[1:]
    x0, y0 = int(max(x - 1, 0)), int(max(y - 1, 0))
    cut = image[y0 : int(y - 1 + h) + 1, x0 : int(x - 1 + w) + 1]
    path = build.root / f'query_box/{int(row[0])}_{frame.stem}.jpg'
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cut)


def _twin_traps(build: Build, frames: list[Frame], tags: set[int]) -> None:
    """The same person twice in one frame, as ten training frames have."""
    for frame in frames:
        for actor in frame.actors:
            if actor.tag in tags:
                frame.actors.append(Actor(actor.person, actor.tag))
                build.truth.add_trap(
                    f'{frame.split} identity twice in one frame', frame.stem
                )
                return


def _border_trap(build: Build, frames: list[Frame], tag: int) -> None:
    """Cut one person by the left border wherever one camera sees it."""
    camera = next(
        frame.camera
        for frame in frames
        for actor in frame.actors
        if actor.tag == tag
    )
    for frame in frames:
        rng = build.rng('border', frame.stem)
        place = border_placement(rng, frame.size, False)
        if frame.camera == camera:
            frame.actors = [
                replace(actor, placement=place) if actor.tag == tag else actor
                for actor in frame.actors
            ]


def write(build: Build) -> None:
    """Draw PRW: frames, a .mat for each of them, lists and queries."""
    size = build.size
    ids = choose_ids(build.rng('ids'), size.train_ids, size.test_ids)
    everyone = [*ids.train, *ids.test]
    people = dict(zip(everyone, build.population(len(everyone))))
    frames = {
        split: make_frames(build, split, count)
        for split, count in (
            ('train', size.train_images),
            ('test', size.test_images),
        )
    }
    cast(build, frames['train'], {tag: people[tag] for tag in ids.train})
    cast(
        build,
        frames['test'],
        {tag: people[tag] for tag in (*ids.test, *ids.reappearing)},
    )
    _border_trap(build, frames['train'], ids.train[0])
    _border_trap(build, frames['test'], ids.test[0])
    _twin_traps(build, frames['train'], set(ids.train[1:]))
    _twin_traps(build, frames['test'], set(ids.reappearing))
    every = frames['train'] + frames['test']
    add_strangers(build, every)
    found = build.render(
        {
            f'frames/{frame.stem}.jpg': build.scene(
                (frame.stem,),
                (frame.camera,),
                frame.size,
                build.camera(frame.camera),
                frame.actors,
            )
            for frame in every
        }
    )
    for frame in every:
        annotate(build, frame, found[f'frames/{frame.stem}.jpg'])
    queries = write_queries(build, frames['test'], ids)
    for index, frame in enumerate(every):
        save_annotation(build, frame, index)
    for frame, row in queries:
        save_query_crop(build, frame, frame.boxes[row])
    _save_lists(build, frames, ids)
    _record_truth(build, every, queries, ids)


def _save_lists(
    build: Build, frames: dict[str, list[Frame]], ids: PRWIds
) -> None:
    for split, own in frames.items():
        stems = cell([frame.stem for frame in own])
        path = build.root / f'frame_{split}.mat'
        save(path, **{f'img_index_{split}': stems})
    save(build.root / 'ID_train.mat', ID_train=np.array([ids.train], float))
    save(build.root / 'ID_test.mat', ID_test2=np.array([ids.test], float))


def _record_truth(
    build: Build, frames: list[Frame], queries: list, ids
) -> None:
    truth = build.truth
    for index, frame in enumerate(frames):
        persons = [
            {'id': int(row[0]), 'box': row[1:].tolist()} for row in frame.boxes
        ]
        truth.add_image(
            f'frames/{frame.stem}.jpg',
            frame.split,
            persons,
            size=frame.size,
            camera=frame.camera,
            key=KEYS[index % len(KEYS)],
        )
        x, y, w, h = frame.boxes[:, 1:].T
        if np.any(x < 0):
            truth.add_trap(f'negative x ({frame.split})', frame.stem)
        if np.any(x + w > frame.size[0] + 1) or np.any(
            y + h > frame.size[1] + 1
        ):
            truth.add_trap('box beyond the border', frame.stem)
        if np.any(frame.boxes[:, 0] == UNLABELLED):
            truth.add_trap('unlabelled person (-2)', frame.stem)
        if np.all(frame.boxes[:, 0] == UNLABELLED):
            truth.add_trap('frame with unlabelled persons only', frame.stem)
    truth.facts.update(
        num_train_identities=len(ids.train),
        train_ids=ids.train,
        test_ids=ids.test,
        reappearing_ids=ids.reappearing,
        queries=[
            {
                'id': int(frame.boxes[row][0]),
                'stem': frame.stem,
                'box': frame.boxes[row][1:].tolist(),
                'camera': frame.camera,
            }
            for frame, row in queries
        ],
    )
