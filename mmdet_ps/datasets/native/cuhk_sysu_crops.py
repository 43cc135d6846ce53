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

NAME = re.compile(r'p(\d+)_s(\d+)_\d+')


def read_cuhk_sysu_crops(root: NativeRoot) -> NativeSet:
    """All crops as one training split."""
    folder = root.folder('cropped_images')
    matches = [(name, NAME.match(name)) for name in list_images(folder)]
    if not all(match for _, match in matches) or not matches:
        raise NativeDataError(
            folder,
            'holds names other than p<id>_s<image>_<n>.jpg, or none',
            'is the root right?',
        )
    labels = contiguous_ids(int(match[1]) for _, match in matches)
    records = [
        crop(f'cropped_images/{name}', labels[int(match[1])])
        for name, match in matches
    ]
    facts = {'train images': len(records), 'train ids': len(labels)}
    notes = [
        Note(
            'test persons of CUHK-SYSU are among the crops',
            'cropped_images',
            'pre-training on them is refused',
        )
    ]
    return NativeSet([Split('train', records, len(labels))], facts, notes)
