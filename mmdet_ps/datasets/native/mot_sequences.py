"""The sequences of a folder in MOTChallenge's layout, and their frames.

A sequence is a folder with ``gt/gt.txt`` and either pictures (``img1``, or
what ``seqinfo.ini`` names) or one video file.
"""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from mmdet_ps.utils.videos import USUAL_RATE, VIDEO_SUFFIXES, VideoReader

from .errors import REFETCH, NativeDataError
from .files import NativeRoot, list_images
from .records import Note

PARTS = ('', 'train', 'test')
# MOT17 gives every sequence three times, each with another detector.
DETECTOR_COPY = re.compile(r'(MOT17-\d+)-(DPM|FRCNN|SDP)$')


@dataclass
class MotSequence:
    """One video with labels.

    Args:
        name (str): Name of the folder without that of a detector; persons
            are numbered within a name.
        folder (str): Its folder, relative to the root.
        part (str): The folder it lies in, ``train`` or ``test``; empty
            outside of both.
        rate (float): Frames in a second.
        pictures (dict[int, str]): Frame -> file relative to the root; empty
            for a video.
        video (str): File relative to the root, or empty.
        length (int): Number of frames of the whole sequence.
        width, height (int): Size of a video's frames in pixels; 0 for
            pictures, whose own headers are read.
    """

    name: str
    folder: str
    part: str
    rate: float
    pictures: dict[int, str]
    video: str = ''
    length: int = 0
    width: int = 0
    height: int = 0

    def seconds(self, frame: int) -> float:
        """Time of a frame (counted from 1) in seconds; 0 for the first."""
        return round((frame - 1) / self.rate, 3)


def find_sequences(root: NativeRoot, notes: list[Note]) -> list[MotSequence]:
    """Find every labelled sequence below the root.

    Of the copies that MOT17 has of each sequence, one per detector, only the
    first is taken.

    Args:
        root (NativeRoot): A sequence, or a folder with sequences or with the
            folders ``train`` and ``test`` that hold them.
        notes (list[Note]): Takes what is left out or assumed.

    Returns:
        list[MotSequence]: Sequences outside of both folders first, then
        those of ``train`` and of ``test``, each by name.

    Raises:
        NativeDataError: There is none, two have the same name, or one lacks
            its pictures or its video.
    """
    found: dict[str, MotSequence] = {}
    for part, folder in _labelled_folders(root, notes):
        name = folder.absolute().name
        copy = DETECTOR_COPY.match(name)
        name = copy[1] if copy else name
        if copy and name in found:
            notes.append(
                Note(
                    'sequence again, for another detector',
                    root.relative(folder),
                    f'read once, from {found[name].folder}',
                )
            )
            continue
        if name in found:
            raise NativeDataError(
                folder,
                f'there is a second sequence {name}, {found[name].folder}',
                'rename one of them: persons are numbered per sequence',
            )
        found[name] = _describe(root, folder, name, part, notes)
    if not found:
        raise root.missing('file', 'SEQUENCE/gt/gt.txt')
    return list(found.values())


def _labelled_folders(
    root: NativeRoot, notes: list[Note]
) -> list[tuple[str, Path]]:
    """(part, folder) of every folder with labels."""
    found = []
    if root.has('gt/gt.txt'):
        found.append(('', root.path))
    for part in PARTS:
        parent = root.path / part
        if not parent.is_dir():
            continue
        for folder in sorted(parent.iterdir()):
            if folder.name.startswith('.') or not folder.is_dir():
                continue
            if (folder / 'gt/gt.txt').is_file():
                found.append((part, folder))
            elif (folder / 'seqinfo.ini').is_file():
                notes.append(
                    Note(
                        'sequence without gt/gt.txt',
                        root.relative(folder),
                        'left out',
                    )
                )
    return found


def _describe(
    root: NativeRoot, folder: Path, name: str, part: str, notes: list[Note]
) -> MotSequence:
    info = read_seqinfo(folder / 'seqinfo.ini')
    where = root.relative(folder)
    image_folder = info.get('imdir', 'img1')
    if not re.fullmatch(r'\w[\w. -]*', image_folder):
        raise NativeDataError(
            folder / 'seqinfo.ini',
            f'imDir is {image_folder!r}',
            'name a folder beside the file',
        )
    sequence = MotSequence(
        name,
        where,
        part,
        _number(info, 'framerate', folder, float),
        _pictures(root, folder / image_folder, notes),
    )
    promised = _number(info, 'seqlength', folder, int)
    if sequence.pictures:
        sequence.length = max(sequence.pictures)
        if len(sequence.pictures) != promised > 0:
            notes.append(
                Note(
                    'another number of pictures than seqLength',
                    f'{where}: {len(sequence.pictures)}, not {promised}',
                    'those that are there are read',
                )
            )
    else:
        _describe_video(root, folder, image_folder, sequence, promised, notes)
    if sequence.rate <= 0:
        sequence.rate = USUAL_RATE
        notes.append(
            Note(
                'no frameRate in seqinfo.ini',
                where,
                f'taken as {USUAL_RATE:g} frames in a second',
            )
        )
    return sequence


def _describe_video(
    root: NativeRoot,
    folder: Path,
    image_folder: str,
    sequence: MotSequence,
    promised: int,
    notes: list[Note],
) -> None:
    videos = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in VIDEO_SUFFIXES
        and path.is_file()
        and not path.name.startswith('.')
    ]
    if len(videos) != 1:
        names = ', '.join(path.name for path in videos) or 'none'
        raise NativeDataError(
            folder,
            f'has no pictures in {image_folder}, and not one video but '
            f'{names}',
            f'put the pictures into {image_folder}, or keep the one video '
            'beside gt that gt.txt labels',
        )
    try:
        with VideoReader(videos[0]) as video:
            sequence.width, sequence.height = video.size
            sequence.length = video.promised or promised
            rate = video.rate
    except ValueError:
        raise NativeDataError(
            videos[0],
            'is no video that OpenCV can read',
            'convert it, for example with ffmpeg to H.264 in MP4',
        ) from None
    sequence.video = root.relative(videos[0])
    if sequence.rate <= 0:
        sequence.rate = rate
    elif abs(sequence.rate - rate) > 0.01 * rate:
        notes.append(
            Note(
                'another frame rate than the video',
                f'{sequence.folder}: seqinfo.ini {sequence.rate:g}, '
                f'{videos[0].name} {rate:g}',
                'seqinfo.ini counts',
            )
        )


def _pictures(
    root: NativeRoot, folder: Path, notes: list[Note]
) -> dict[int, str]:
    """Frame -> picture, by the number that is the file's name."""
    if not folder.is_dir():
        return {}
    names = list_images(folder, notes=notes)
    stems = [Path(name).stem for name in names]
    if all(stem.isdecimal() and int(stem) > 0 for stem in stems):
        numbers = [int(stem) for stem in stems]
    else:
        names.sort(key=_natural)
        numbers = range(1, len(names) + 1)
        notes.append(
            Note(
                'pictures not named by their number from 1',
                f'{root.relative(folder)}/{names[0]}',
                'numbered in the order of their names',
            )
        )
    return {
        number: root.relative(folder / name)
        for number, name in zip(numbers, names)
    }


def _natural(name: str) -> list:
    """Sorts frame_2 before frame_10."""
    parts = re.split(r'(\d+)', name)
    return [int(part) if part.isdecimal() else part for part in parts]


def read_seqinfo(path: Path) -> dict[str, str]:
    """Read the section ``Sequence`` of seqinfo.ini.

    Returns:
        dict[str, str]: Its entries, with keys in lower case; empty where
        there is no such file.

    Raises:
        NativeDataError: The file is no ini file.
    """
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text('utf-8-sig'), str(path))
    except (configparser.Error, UnicodeDecodeError):
        raise NativeDataError(
            path, 'is no ini file with a section [Sequence]', REFETCH
        ) from None
    section = next(iter(parser.sections()), None)
    return dict(parser[section]) if section else {}


def _number(info: dict[str, str], key: str, folder: Path, kind: type):
    """A number of seqinfo.ini, 0 where it is not given."""
    try:
        return kind(float(info.get(key, 0)))
    except (ValueError, OverflowError):
        raise NativeDataError(
            folder / 'seqinfo.ini',
            f'{key} is {info[key]!r}',
            'write a number there, or leave the line out',
        ) from None
