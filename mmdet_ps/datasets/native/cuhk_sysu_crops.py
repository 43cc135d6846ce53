"""Crops of CUHK-SYSU as a re-ID set.

They include all test persons of CUHK-SYSU, so that scores on it are void
after training on them; loading them for pre-training is refused by default.
"""

from __future__ import annotations

import re

from .errors import NativeDataError
from .files import NativeRoot, list_images
from .market1501 import crop
from .records import NativeSet, Note, Split, contiguous_ids

# p11422_s16929_1.jpg in the one packing, p00001_n01_s00001_hard0.png in the
# other: person, appearance, scene, and a number or whether it is a hard case.
NAME = re.compile(r'p(\d{1,9})_(?:n\d+_)?s(\d{1,9})_(?:hard)?\d+\.')
FOLDERS = ('cropped_images', 'cropped_image')


def read_cuhk_sysu_crops(root: NativeRoot) -> NativeSet:
    """Read all crops as the one split ``train``."""
    folder = root.folder(*FOLDERS)
    notes = [
        Note(
            'test persons of CUHK-SYSU are among the crops',
            folder.name,
            'pre-training on them is refused',
        )
    ]
    matches = {
        name: NAME.match(name) for name in list_images(folder, notes=notes)
    }
    strange = [name for name, match in matches.items() if match is None]
    if strange or not matches:
        raise NativeDataError(
            folder,
            f'holds {len(strange)} names like {strange[0]} that are not '
            'p<id>_s<image>_<n>'
            if strange
            else 'holds no image',
            'check that the root is the folder of this dataset',
        )
    labels = contiguous_ids(int(match[1]) for match in matches.values())
    records = [
        crop(f'{folder.name}/{name}', labels[int(match[1])])
        for name, match in matches.items()
    ]
    facts = {'train images': len(records), 'train ids': len(labels)}
    return NativeSet([Split('train', records, len(labels))], facts, notes)
