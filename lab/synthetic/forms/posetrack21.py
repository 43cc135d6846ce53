"""PoseTrack21 person search: videos, JSON in posetrack_person_search."""

import json
from dataclasses import dataclass, field, replace

import numpy as np

from ..appearance import Person
from ..build import Build
from ..camera import Camera
from ..casting import cast_scenes
from ..placement import Placement, place_all
from ..scene import Actor, Sighting
from .posetrack_records import CATEGORY, annotation_record, image_record

CAPACITY = 5
BARE_VIDEOS = 12  # one in so many numbers ends on a bare frame
SHARED_ID = 11  # occurs in training and validation, as in the original


@dataclass
class Video:
    """A video of one of the two sources, and who appears in it."""

    split: str
    number: int
    source: str
    people: list[tuple[int, Person]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of its folder and of its annotation file."""
        return f'{self.number:06d}_{self.source}_{self.split}'


def _choose_ids(
    rng: np.random.Generator, num_train: int, num_val: int
) -> dict[str, list[int]]:
    """Train and validation numbers overlap in one identity only."""
    span = 2 * (num_train + num_val) + SHARED_ID
    train = [
        SHARED_ID,
        *(
            rng.choice(
                np.arange(SHARED_ID + 1, span), num_train - 1, replace=False
            )
        ).tolist(),
    ]
    free = [number for number in range(span) if number not in train]
    val = [
        SHARED_ID,
        0,
        *rng.choice(free[1:], num_val - 2, replace=False).tolist(),
    ]
    return {'train': sorted(train), 'val': sorted(val)}


def make_videos(
    build: Build, split: str, count: int, people: dict[int, Person]
) -> list[Video]:
    """Videos of both sources reuse the same numbers."""
    rng = build.rng('videos', split)
    videos = [
        Video(split, 1 + index // 2 * 3, ('bonn', 'mpii')[index % 2])
        for index in range(count)
    ]
    share = count * CAPACITY * 0.9 / len(people)  # videos per person
    counts = {
        tag: int(np.clip(share + rng.uniform(-0.5, 0.5), 1, count))
        for tag in people
    }
    capacity = max(CAPACITY, -(-sum(counts.values()) // count)) + 1
    for video, tags in zip(videos, cast_scenes(rng, counts, count, capacity)):
        video.people = [(tag, people[tag]) for tag in tags]
    return videos


def _walk(
    rng: np.random.Generator,
    start: Placement,
    camera: Camera,
    size: tuple[int, int],
    frames: int,
) -> list[Placement]:
    """One person's way: along, towards or away, turning a little."""
    width, height = size
    speed = rng.uniform(0.04, 0.2) * start.height
    turn = rng.normal(0, 0.2)
    approach = rng.uniform(-0.06, 0.06)
    share = (start.foot[1] / height - camera.horizon) / camera.elevation
    track = []
    for step in range(frames):
        yaw = start.pose.yaw + turn * step
        x = (start.foot[0] + np.sin(yaw) * speed * step) % (2 * width)
        x = min(x, 2 * width - x)  # turns round at the border
        zoom = np.clip(
            1 + approach * step, camera.far / share, camera.near / share
        )
        track.append(
            Placement(
                (float(x), float(camera.foot(share * zoom) * height)),
                float(start.height * zoom),
                replace(
                    start.pose, yaw=yaw, phase=start.pose.phase + 1.1 * step
                ),
            )
        )
    return track


def place_tracks(
    build: Build, video: Video, frames: int
) -> list[list[Placement]]:
    """The placements of each person of a video, one for every frame."""
    rng = build.rng('tracks', video.name)
    camera, size = build.camera(video.name), build.size.image
    people = [person for _, person in video.people]
    starts = place_all(rng, camera, size, people, 0.3, build.domain.liveliness)
    return [_walk(rng, start, camera, size, frames) for start in starts]


def _specs(build: Build, videos: list[Video]) -> dict:
    specs = {}
    for video in videos:
        tracks = place_tracks(build, video, build.size.frames)
        camera = build.camera(video.name)
        for step in range(build.size.frames):
            actors = [
                Actor(person, tag, track[step])
                for (tag, person), track in zip(video.people, tracks)
            ]
            file = f'images/{video.split}/{video.name}/{step:06d}.jpg'
            specs[file] = build.scene(
                (video.name, step),
                (video.name,),
                build.size.image,
                camera,
                actors,
                num_props=0.7,
                light_swing=0.15,
            )
    return specs


def write(build: Build) -> None:
    """Draw PoseTrack21: videos, their JSON files and the queries."""
    size = build.size
    ids = _choose_ids(build.rng('ids'), size.train_ids, size.test_ids)
    everyone = sorted({*ids['train'], *ids['val']})
    people = dict(zip(everyone, build.population(len(everyone))))
    videos = [
        video
        for split, count in (
            ('train', size.train_images),
            ('val', size.test_images),
        )
        for video in make_videos(
            build,
            split,
            count // size.frames,
            {tag: people[tag] for tag in ids[split]},
        )
    ]
    specs = _specs(build, videos)
    found = build.render(specs)
    contents = {
        split: {'images': [], 'annotations': [], 'categories': [CATEGORY]}
        for split in ('train', 'val')
    }
    for video in videos:
        _annotate_video(build, video, found, contents[video.split])
    contents['query'] = _queries(build, contents['val'])
    folder = build.root / 'posetrack_person_search'
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f'{name}.json').write_text(json.dumps(content))
    _record_facts(build, contents)


def _annotate_video(
    build: Build, video: Video, found: dict[str, list[Sighting]], content: dict
) -> None:
    """The last frame of some training videos has no annotation at all."""
    frames = build.size.frames
    tracks = {tag: index for index, (tag, _) in enumerate(video.people)}
    for step in range(frames):
        file = f'images/{video.split}/{video.name}/{step:06d}.jpg'
        labelled = not (
            video.split == 'train'
            and video.number % BARE_VIDEOS == 1
            and step == frames - 1
        )
        image = image_record(
            build.rng('regions', file),
            file,
            video,
            step,
            frames,
            build.size.image,
            labelled,
        )
        content['images'].append(image)
        rows = []
        for index, seen in enumerate(found[file] if labelled else []):
            rows.append(
                annotation_record(
                    build.rng('person', file, index),
                    seen,
                    image['id'],
                    index,
                    tracks[seen.tag],
                    build.size.image,
                )
            )
        content['annotations'] += rows
        if not labelled:
            build.truth.add_trap('frame without annotation', file)
        if any('keypoints' not in row for row in rows):
            build.truth.add_trap('annotation without keypoints', file)
        regions = image.get('ignore_regions_x', [])
        if regions:
            kind = 'nested' if isinstance(regions[0], list) else 'flat'
            build.truth.add_trap(f'{kind} ignore region', file)
        build.truth.add_image(
            file,
            video.split,
            [{'id': row['person_id'], 'box': row['bbox']} for row in rows],
            size=build.size.image,
        )


def _queries(build: Build, val: dict) -> dict:
    """Some rows of val.json, several for one person."""
    rng = build.rng('queries')
    by_person: dict[int, list[dict]] = {}
    for row in val['annotations']:
        by_person.setdefault(row['person_id'], []).append(row)
    chosen = []
    for person, rows in sorted(by_person.items()):
        number = min(len(rows), 2 if person % 3 else 1)
        order = sorted(rng.permutation(len(rows))[:number].tolist())
        chosen += [rows[index] for index in order]
        if number > 1:
            build.truth.add_trap(
                'several query rows for one id', f'person {person}'
            )
    wanted = {row['image_id'] for row in chosen}
    return {
        'images': [image for image in val['images'] if image['id'] in wanted],
        'annotations': chosen,
        'categories': [CATEGORY],
    }


def _record_facts(build: Build, contents: dict) -> None:
    ids = {
        name: sorted({row['person_id'] for row in content['annotations']})
        for name, content in contents.items()
    }
    build.truth.add_trap('person_id in train and val', f'id {SHARED_ID}')
    build.truth.facts.update(
        num_train_identities=len(ids['train']),
        train_ids=ids['train'],
        test_ids=ids['val'],
        query_ids=ids['query'],
        num_queries=len(contents['query']['annotations']),
    )
