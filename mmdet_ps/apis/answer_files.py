"""The files that a search writes: their names, and how they are known again.

Pictures and clips of an answer show persons of the footage. Written among
the footage, they are no part of it.
"""

from __future__ import annotations

from pathlib import Path

INDEX = 'index.npz'
PICTURE = 'ranking.jpg'
REPORT = 'ranking.json'
TABLE = 'ranking.csv'
SKIPPED = 'skipped.csv'
CHOICE = 'query_persons.jpg'  # the persons among whom one is to be named
CLIPS = 'clips'  # a folder beside the report
EXPORTS = 'export'  # a folder, too


def clip_name(rank: int) -> str:
    """Name of the clip of the answer of a rank."""
    return f'{rank:02d}.mp4'


def is_clip(path: Path) -> bool:
    """Whether a file is named as clips of answers are."""
    return path.suffix == '.mp4' and path.stem.isdecimal()


def is_answer(path: Path) -> bool:
    """Whether a search wrote a picture or clip, by its name and place."""
    if path.name == CHOICE:
        return True
    folder = path.parent
    if folder.name == CLIPS and is_clip(path):
        folder = folder.parent
    elif path.name != PICTURE:
        return False
    return (folder / REPORT).is_file()
