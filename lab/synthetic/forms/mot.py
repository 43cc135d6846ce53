"""MOTChallenge: sequences of pictures or a video, gt.txt with a row a box.

Persons are numbered from 1 in every sequence. The first training sequence
comes a second time, as for another detector, and says it is longer than it
is; the last one is a video of which every other frame is labelled, in the
seven columns of a labelling tool.
"""

import shutil
from dataclasses import dataclass

import cv2
import numpy as np

from ..appearance import Person
from ..build import Build
from ..jobs import JPEG_QUALITY
from ..scene import Actor, Sighting
from .posetrack21 import Video, place_tracks

RATE = 1  # frames in a second: persons move far from frame to frame
LABEL_EVERY = 2  # of the video
PEDESTRIAN, STATIC_PERSON, OCCLUDER = 1, 7, 9


@dataclass
class MotVideo(Video):
    """A sequence; ``source`` is the detector whose name it carries.

    Args:
        is_film: Whether it is a video file rather than pictures.
    """

    is_film: bool = False

    @property
    def name(self) -> str:
        """Name of the sequence, as in ``MOT17-02-FRCNN``."""
        kind = f'-{self.source}' if self.source else ''
        return f'MOT17-{self.number:02d}{kind}'

    @property
    def folder(self) -> str:
        """Its folder below the root."""
        return f'{self.split}/{self.name}'

    def file(self, frame: int) -> str:
        """The picture of a frame (counted from 1), relative to the root."""
        return f'{self.folder}/img1/{frame:06d}.jpg'

    def labelled(self, frames: int) -> range:
        """Numbers (from 1) of those of ``frames`` frames that get labels."""
        return range(1, frames + 1, LABEL_EVERY if self.is_film else 1)


def make_videos(build: Build, split: str, people: list[Person]) -> list:
    """Make the sequences of a split and divide people among them.

    One more person, who stands still, is added to each of them later.
    """
    size = build.size
    images = size.train_images if split == 'train' else size.test_images
    count = max(images // size.frames, 1)
    first = 2 if split == 'train' else 60
    videos = []
    for k in range(count):
        film = split == 'train' and k == count - 1 > 0
        video = MotVideo(
            split, first + 2 * k, '' if film else 'FRCNN', is_film=film
        )
        video.people = list(enumerate(people[k::count], 1))
        videos.append(video)
    return videos


def draw(build: Build, videos: list[MotVideo]) -> dict[str, list[Sighting]]:
    """Draw every frame; returns file -> who is seen in it."""
    specs = {}
    for video in videos:
        tracks = place_tracks(build, video, build.size.frames)
        for step in range(build.size.frames):
            actors = [
                # The last one stands where it stood, a static person.
                Actor(person, tag, track[0 if tag == len(tracks) else step])
                for (tag, person), track in zip(video.people, tracks)
            ]
            specs[video.file(step + 1)] = build.scene(
                (video.name, step),
                (video.name,),
                build.size.image,
                build.camera(video.name),
                actors,
                num_props=0.7,
            )
    return build.render(specs)


def write(build: Build) -> None:
    """Draw and label all sequences."""
    size = build.size
    videos = []
    for split, count in (('train', size.train_ids), ('test', size.test_ids)):
        people = build.population(count, split)
        found = make_videos(build, split, people)
        for video, still in zip(
            found, build.population(len(found), split, 'still')
        ):
            video.people.append((len(video.people) + 1, still))
        videos += found
    sightings = draw(build, videos)
    for video in videos:
        label(build, video, sightings)
        write_seqinfo(build, video, video is videos[0])
        if video.is_film:
            make_film(build, video)
            build.truth.add_trap('frames without rows', video.folder)
    copy = build.root / videos[0].folder.replace('FRCNN', 'SDP')
    shutil.copytree(build.root / videos[0].folder, copy)
    build.truth.add_trap('sequence of another detector', videos[0].folder)
    build.truth.add_trap('pictures end before seqLength', videos[0].folder)
    build.truth.facts.update(num_train_identities=size.train_ids)


def label(
    build: Build, video: MotVideo, sightings: dict[str, list[Sighting]]
) -> None:
    """Write gt.txt and say in the truth what it means."""
    static = len(video.people)
    width, height = build.size.image
    rows = []
    for frame in video.labelled(build.size.frames):
        persons = []
        for seen in sightings[video.file(frame)]:
            x0, y0, x1, y1 = np.round(seen.box, 3 if video.is_film else 0)
            box = [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)]
            counted = seen.tag != static
            kind = PEDESTRIAN if counted else STATIC_PERSON
            ending = [int(counted)]
            if not video.is_film:
                ending += [kind, round(seen.visibility, 5)]
            rows.append([frame, seen.tag, *box, *ending])
            persons.append(dict(id=seen.tag, box=box, ignore=not counted))
        if not video.is_film:
            box = [0, height // 2, width // 8, height // 2]
            rows.append([frame, 90, *box, 0, OCCLUDER, 1])
            persons.append(dict(id=90, box=box, ignore=True))
        build.truth.add_image(
            f'prepared/frames/{video.name}/{frame:06d}.jpg'
            if video.is_film
            else video.file(frame),
            video.split,
            persons,
            size=[width, height],
            video=video.name,
            frame=frame,
        )
    build.truth.add_trap('row with flag 0', video.folder)
    lines = [','.join(f'{value:g}' for value in row) for row in rows]
    path = build.root / video.folder / 'gt/gt.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def write_seqinfo(build: Build, video: MotVideo, is_cut: bool) -> None:
    """Write seqinfo.ini as the benchmark has it.

    Args:
        build: The set.
        video: The sequence.
        is_cut: Say that the sequence is longer than its pictures.
    """
    width, height = build.size.image
    settings = dict(
        name=video.name,
        imDir='img1',
        frameRate=RATE,
        seqLength=build.size.frames * (10 if is_cut else 1),
        imWidth=width,
        imHeight=height,
        imExt='.jpg',
    )
    lines = [f'{key}={value}' for key, value in settings.items()]
    path = build.root / video.folder / 'seqinfo.ini'
    path.write_text('\n'.join(['[Sequence]', *lines, '']))


def make_film(build: Build, video: MotVideo) -> None:
    """Write the pictures of a sequence into a video, and delete them."""
    folder = build.root / video.folder
    writer = cv2.VideoWriter(
        str(folder / 'film.avi'),
        cv2.VideoWriter_fourcc(*'MJPG'),
        RATE,
        build.size.image,
    )
    writer.set(cv2.VIDEOWRITER_PROP_QUALITY, JPEG_QUALITY)
    for frame in range(1, build.size.frames + 1):
        writer.write(cv2.imread(str(build.root / video.file(frame))))
    writer.release()
    shutil.rmtree(folder / 'img1')
