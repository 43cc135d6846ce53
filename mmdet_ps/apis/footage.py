"""Footage: the pictures and videos to search, and what is left out of them.

Nothing in a folder ends a search. What cannot be looked at is listed with
its reason: hidden and unreadable files, and forms that OpenCV does not read.
What turns out to be damaged is added by whoever reads it, see ``frames``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.errors import UserError
from ..utils.images import IMAGE_SUFFIXES
from ..utils.videos import VIDEO_SUFFIXES
from .answer_files import is_answer

FORMS = ' '.join(sorted(IMAGE_SUFFIXES))


@dataclass(frozen=True)
class Skipped:
    """Something that was not looked at, and why.

    Args:
        path: The file; of a frame of a video, ``file #number``.
        reason: Why it was not looked at, in words.
    """

    path: str
    reason: str


@dataclass
class Footage:
    """What there is to search.

    Args:
        pictures (list[str]): Image files.
        videos (list[str]): Video files.
        skipped (list[Skipped]): What was left out so far.
    """

    pictures: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, path: str | Path, reason: str) -> None:
        """Note that a file is left out, and the reason."""
        self.skipped.append(Skipped(str(path), reason))

    def skipped_by_reason(self) -> dict[str, int]:
        """How many entries were left out for each reason."""
        counts: dict[str, int] = {}
        for entry in self.skipped:
            counts[entry.reason] = counts.get(entry.reason, 0) + 1
        return counts


def find_footage(sources: str | Path | Iterable[str | Path]) -> Footage:
    """All pictures and videos of files and folders, in order and once.

    Folders are searched deeply, through links, by name.

    Args:
        sources: Paths of folders, images and videos.

    Raises:
        FileNotFoundError: If a path is not there.
        UserError: If nothing in all of them can be looked at.
    """
    if isinstance(sources, (str, Path)):
        sources = [sources]
    places = [Path(source) for source in sources]
    footage = Footage()
    for source in places:
        if source.is_dir():
            for path in walk(source, footage):
                if is_answer(path):
                    footage.skip(path, 'written by a search')
                else:
                    sort_in(path, footage)
        elif source.is_file():
            kind = sort_in(source, footage)
            if kind is None and os.access(source, os.R_OK):
                # Named by hand, it is a video until OpenCV says no.
                footage.skipped.pop()
                footage.videos.append(str(source))
        else:
            raise FileNotFoundError(
                f'{source} is not there: name a folder of images or a video '
                'file'
            )
    # A folder may be named and a part of it, too.
    footage.pictures = list(dict.fromkeys(footage.pictures))
    footage.videos = list(dict.fromkeys(footage.videos))
    footage.skipped = list(dict.fromkeys(footage.skipped))
    if not footage.pictures and not footage.videos:
        named = ', '.join(map(str, places))
        reasons = '; '.join([*footage.skipped_by_reason()][:3])
        left_out = f' (left out: {reasons})' if reasons else ''
        raise UserError(
            f'{named} holds no image of the forms {FORMS}, and no video'
            f'{left_out}: name a folder of images or a video file'
        )
    return footage


def walk(folder: Path, footage: Footage) -> Iterator[Path]:
    """Files below a folder that are not hidden, by name.

    Links to folders are followed, but no folder is entered twice.

    Args:
        folder (Path): The folder.
        footage (Footage): Takes a note of every hidden file and of every
            folder that cannot be read.
    """
    seen = set()

    def report(error: OSError) -> None:
        footage.skip(error.filename, 'folder cannot be read')

    for place, below, names in os.walk(
        folder, followlinks=True, onerror=report
    ):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        for name in [*names, *below]:
            if name.startswith('.'):
                footage.skip(os.path.join(place, name), 'hidden')
        below[:] = sorted(name for name in below if name[0] != '.')
        yield from (
            Path(place, name) for name in sorted(names) if name[0] != '.'
        )


def sort_in(path: Path, footage: Footage) -> str | None:
    """Put a file among pictures, videos or what is skipped, by its suffix.

    Args:
        path (Path): The file.
        footage (Footage): Takes it.

    Returns:
        str: ``picture`` or ``video``; None if it is skipped.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        footage.skip(path, 'link to nothing')
        return None
    if not os.access(path, os.R_OK):
        footage.skip(path, 'no permission to read it')
        return None
    if suffix in IMAGE_SUFFIXES:
        footage.pictures.append(str(path))
        return 'picture'
    if suffix in VIDEO_SUFFIXES:
        footage.videos.append(str(path))
        return 'video'
    footage.skip(path, f'{suffix or "a file without suffix"} is not read')
    return None
