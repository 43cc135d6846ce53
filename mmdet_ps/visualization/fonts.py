"""A font for every text, or a text for the fonts that there are.

Pillow's own font knows Latin letters alone; of a letter that it lacks it
draws a box. A text with others is drawn with a font of the system that has
all of them. Where there is none, accents are left out and the letters are
written as their numbers, so that two names never look the same.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# A font file that is asked first.
FONT_VARIABLE = 'MMDET_PS_FONT'
FOLDERS = (
    '~/.fonts',
    '~/.local/share/fonts',
    '/usr/local/share/fonts',
    '/usr/share/fonts',
    '/System/Library/Fonts',
    '/Library/Fonts',
    'C:/Windows/Fonts',
)
# Parts of the names of fonts with very many letters, which are tried first.
LARGE = (
    *('cjk', 'sourcehan', 'wqy', 'droidsansfallback', 'pingfang', 'heiti'),
    *('msyh', 'simhei', 'simsun', 'arialuni', 'unifont', 'dejavusans.ttf'),
)
NO_LETTER = '\U0010ffff'
NO_GLYPH_NEEDED = ('Zs', 'Cc', 'Cf', 'Mn')  # spaces, controls, accents


def font_and_text(text: str, size: int) -> tuple[ImageFont.ImageFont, str]:
    """A font of this size, and the text as that font can show it."""
    plain = own_font(size)
    lacking = frozenset(text) - known_letters(frozenset(text))
    if not lacking:
        return plain, text
    file = font_file_with(frozenset(text))
    if file is not None:
        return ImageFont.truetype(file, size), text
    return plain, ''.join(
        spelled(letter) if letter in lacking else letter for letter in text
    )


@lru_cache(maxsize=32)
def own_font(size: int) -> ImageFont.ImageFont:
    """The font that comes with Pillow."""
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=4096)
def known_letters(letters: frozenset[str]) -> frozenset[str]:
    """Those of some letters that Pillow's own font has."""
    font = own_font(16)
    return frozenset(a for a in letters if has_letters(font, a))


def has_letters(font: ImageFont.ImageFont, text: Iterable[str]) -> bool:
    """Whether a font has a picture of its own for each letter."""
    nothing = bytes(font.getmask(NO_LETTER))
    return all(
        unicodedata.category(letter) in NO_GLYPH_NEEDED
        or bytes(font.getmask(letter)) != nothing
        for letter in text
    )


@lru_cache(maxsize=256)
def font_file_with(letters: frozenset[str]) -> str | None:
    """The first font file that has all of some letters."""
    for file in font_files():
        try:
            if has_letters(ImageFont.truetype(file, 16), letters):
                return file
        except OSError:  # a form that FreeType does not read
            continue
    return None


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """The font files of this machine, the most promising first."""
    folders = [Path(folder).expanduser() for folder in FOLDERS]
    matplotlib = find_spec('matplotlib')
    if matplotlib is not None and matplotlib.origin:
        folders.append(Path(matplotlib.origin).parent / 'mpl-data/fonts/ttf')
    files = [
        str(path)
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.rglob('*'))
        if path.suffix.lower() in ('.ttf', '.ttc', '.otf')
        # Draws a frame with a number in place of every letter.
        and not path.name.startswith('LastResort')
    ]
    files.sort(key=_promise)
    own = os.environ.get(FONT_VARIABLE)
    return (own, *files) if own else tuple(files)


def _promise(file: str) -> int:
    name = Path(file).name.lower().replace('-', '').replace(' ', '')
    for rank, part in enumerate(LARGE):
        if part in name:
            return rank
    return len(LARGE)


def spelled(letter: str) -> str:
    """A letter in those that every font has: its base, or its number."""
    base = unicodedata.normalize('NFKD', letter)
    base = base.encode('ascii', 'ignore').decode()
    return base or letter.encode('unicode_escape').decode()
