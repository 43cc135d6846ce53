"""The box records of a CrowdHuman line."""

import numpy as np

from ..scene import Sighting
from .crowds import xywh

BARELY_VISIBLE = 0.12  # annotators give such persons up


def box_record(
    rng: np.random.Generator, number: int, sighting: Sighting
) -> dict:
    """One person; which keys `extra` holds varies as in the originals."""
    extra: dict[str, int] = {
        'box_id': number,
        'occ': int(sighting.visibility < 0.7),
    }
    if rng.random() < 0.12:
        del extra['box_id']
    if sighting.visibility < BARELY_VISIBLE:
        extra['ignore'] = 1
    elif rng.random() < 0.1:
        extra['ignore'] = 0
    if rng.random() < 0.1:
        extra['unsure'] = 1
    head = (
        {}
        if rng.random() < 0.1
        else {'ignore': int(rng.random() < 0.1), 'occ': 0, 'unsure': 0}
    )
    return {
        'tag': 'person',
        'fbox': xywh(sighting.box),
        'vbox': xywh(sighting.visible_box),
        'hbox': xywh(sighting.head_box),
        'extra': extra,
        'head_attr': head,
    }


def mask_record(rng: np.random.Generator, size: tuple[int, int]) -> dict:
    """A region nobody was annotated in, at the upper border."""
    width, height = size
    x = int(rng.integers(0, width * 3 // 4))
    box = [x, 0, width // 5, max(4, height // 10)]
    return {
        'tag': 'mask',
        'fbox': box,
        'vbox': box,
        'hbox': box,
        'extra': {'ignore': 1},
        'head_attr': {},
    }
