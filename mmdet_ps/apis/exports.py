"""Tracks for other tools: MOT text, COCO, supervision, FiftyOne."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_ps.utils.files import write_json, write_text
from mmdet_ps.utils.optional_packages import optional

from ..utils.images import image_size
from ..utils.videos import VideoReader
from .frames import Frame
from .gallery_index import GalleryIndex
from .linking import Tracks

FORMS = ('mot', 'coco', 'fiftyone')


def rows_of(
    tracks: Tracks, chosen: dict[int, str]
) -> Iterator[tuple[int, str, int]]:
    """The persons of some tracks, track by track and in order of time.

    Args:
        tracks (Tracks): All tracks.
        chosen (dict[int, str]): Number of a track -> name of the person.

    Yields:
        tuple[int, str, int]: Row of the person in the gallery, name, and
        number of the track.
    """
    for track, name in chosen.items():
        for row in tracks.members(track).tolist():
            yield row, name, track


def write_mot(
    folder: Path, gallery: GalleryIndex, tracks: Tracks, chosen: dict[int, str]
) -> list[Path]:
    """Write one text file per video in MOTChallenge's form of results.

    Rows are frame and track, both counted from 1, left, top, width, height
    in pixels, score, and -1 three times. Pictures have no place in this form
    and are left out.

    Args:
        folder (Path): Where the files are written.
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        chosen (dict[int, str]): Number of a track to write -> name of the
            person, which this form does not hold.

    Returns:
        list[Path]: The files written.
    """
    videos: dict[str, list[tuple]] = {}
    for row, _, track in rows_of(tracks, chosen):
        frame = gallery.frames[gallery.frame_of[row]]
        if frame.index < 0:
            continue
        x1, y1, x2, y2 = gallery.bboxes[row].tolist()
        line = frame.index + 1, track + 1, x1, y1, x2 - x1, y2 - y1
        videos.setdefault(frame.path, []).append(
            (*line, float(gallery.scores[row]))
        )
    written: list[Path] = []
    taken: set[str] = set()
    for path, lines in videos.items():
        stem = name = Path(path).stem
        number = 2
        while name.lower() in taken:  # some disks take A and a for one
            name = f'{stem}-{number}'
            number += 1
        taken.add(name.lower())
        target = folder / f'{name}.txt'
        text = ''.join(
            f'{frame},{track},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{score:.4f},'
            '-1,-1,-1\n'
            for frame, track, x, y, w, h, score in sorted(lines)
        )
        write_text(target, text)
        written.append(target)
    return written


def write_coco(
    path: Path, gallery: GalleryIndex, tracks: Tracks, chosen: dict[int, str]
) -> None:
    """Write tracks as a COCO file, with ``track_id``, ``name``, ``score``.

    An image is a picture, or a frame of a video, which has ``frame_index``
    (from 0) and ``seconds`` beside ``file_name``.

    Args:
        path (Path): The file to write.
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        chosen (dict[int, str]): Number of a track to write -> name of the
            person.
    """
    numbers: dict[int, int] = {}
    sizes: dict[str, tuple[int, int]] = {}
    images: list[dict] = []
    annotations: list[dict] = []
    for row, name, track in rows_of(tracks, chosen):
        number = int(gallery.frame_of[row])
        if number not in numbers:
            numbers[number] = len(images) + 1
            frame = gallery.frames[number]
            if frame.path not in sizes:
                sizes[frame.path] = size_of(frame)
            width, height = sizes[frame.path]
            image = dict(
                id=numbers[number],
                file_name=frame.path,
                width=width,
                height=height,
            )
            if frame.index >= 0:
                image.update(frame_index=frame.index, seconds=frame.seconds)
            images.append(image)
        x1, y1, x2, y2 = (round(v, 2) for v in gallery.bboxes[row].tolist())
        box = [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]
        annotations.append(
            dict(
                id=len(annotations) + 1,
                image_id=numbers[number],
                category_id=1,
                bbox=box,
                area=round(box[2] * box[3], 2),
                iscrowd=0,
                score=round(float(gallery.scores[row]), 4),
                track_id=track,
                name=name,
            )
        )
    categories = [dict(id=1, name='person')]
    write_json(
        path,
        dict(images=images, annotations=annotations, categories=categories),
        indent=1,
    )


def size_of(frame: Frame) -> tuple[int, int]:
    """Width and height of a frame in pixels, by the header of its file."""
    if frame.index >= 0:
        with VideoReader(frame.path) as video:
            return video.size
    return image_size(frame.path)


def to_supervision(gallery: GalleryIndex, tracks: Tracks, frame: int):
    """The persons of one frame as ``supervision.Detections``.

    ``tracker_id`` is the track, ``data['embedding']`` the embeddings.

    Args:
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        frame (int): Place of the frame in ``gallery.frames``.

    Returns:
        supervision.Detections: The N persons of the frame.

    Raises:
        UserError: If supervision is not installed.
    """
    rows = np.flatnonzero(gallery.frame_of == frame)
    return optional('supervision').Detections(
        xyxy=np.array(gallery.bboxes[rows], np.float32).reshape(-1, 4),
        confidence=np.array(gallery.scores[rows]),
        class_id=np.zeros(len(rows), int),
        tracker_id=tracks.track_of[rows],
        data=dict(embedding=np.array(gallery.embeddings[rows])),
    )


def to_fiftyone(
    gallery: GalleryIndex,
    tracks: Tracks,
    chosen: dict[int, str],
    dataset: str | None = None,
) -> list:
    """Make FiftyOne datasets with the persons in the field ``persons``.

    FiftyOne keeps pictures and videos in datasets of their own.

    Args:
        gallery (GalleryIndex): P persons.
        tracks (Tracks): Their tracks.
        chosen (dict[int, str]): Number of a track -> name of the person,
            which becomes its label.
        dataset (str): Name, to which ``-pictures`` or ``-videos`` is added.
            Datasets with a name stay after the session, others do not.

    Returns:
        list[fiftyone.Dataset]: One of pictures, one of videos; those without
        samples are left out.

    Raises:
        UserError: If FiftyOne is not installed.
    """
    fiftyone = optional('fiftyone')
    samples: dict[str, Any] = {}
    found: dict[tuple[str, int], list] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for row, name, track in rows_of(tracks, chosen):
        frame = gallery.frames[gallery.frame_of[row]]
        if frame.path not in samples:
            sizes[frame.path] = size_of(frame)
            samples[frame.path] = fiftyone.Sample(filepath=frame.path)
        size = np.array(sizes[frame.path] * 2, float)
        x1, y1, x2, y2 = (gallery.bboxes[row] / size).tolist()
        found.setdefault((frame.path, frame.index), []).append(
            fiftyone.Detection(
                label=name,
                bounding_box=[x1, y1, x2 - x1, y2 - y1],
                confidence=float(gallery.scores[row]),
                index=track,
            )
        )
    kinds: dict[str, list] = {}
    for (path, index), detections in found.items():
        persons = fiftyone.Detections(detections=detections)
        if index < 0:
            samples[path]['persons'] = persons
        else:  # frames count from 1 there
            samples[path].frames[index + 1] = fiftyone.Frame(persons=persons)
        kind = 'pictures' if index < 0 else 'videos'
        if samples[path] not in kinds.setdefault(kind, []):
            kinds[kind].append(samples[path])
    made = []
    for kind, group in kinds.items():
        title = None if dataset is None else f'{dataset}-{kind}'
        made.append(fiftyone.Dataset(title, persistent=title is not None))
        made[-1].add_samples(group)
    return made
