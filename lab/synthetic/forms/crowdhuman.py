"""CrowdHuman: one JSON object per line (odgt), `Images/<ID>.jpg`."""

import json

import numpy as np

from ..build import Build
from ..scene import Sighting
from .crowds import render_crowds, xywh

BARELY_VISIBLE = 0.12  # annotators give such persons up


def _image_id(rng: np.random.Generator) -> str:
    """A file stem with a comma in it, as the originals have."""
    tail = ''.join(rng.choice(list('0123456789abcdef'), 15))
    return f'{int(rng.integers(1e5, 1e6))},{tail}'


def write(build: Build) -> None:
    """Draw CrowdHuman: pictures, and one .odgt per split."""
    counts = {'train': build.size.train_images, 'val': build.size.val_images}
    stems = {
        split: [_image_id(build.rng(split, 'name', n)) for n in range(count)]
        for split, count in counts.items()
    }
    found = render_crowds(
        build,
        {
            split: [f'Images/{stem}.jpg' for stem in names]
            for split, names in stems.items()
        },
    )
    for split, names in stems.items():
        lines = [
            _annotate(build, stem, split, found[f'Images/{stem}.jpg'], index)
            for index, stem in enumerate(names)
        ]
        (build.root / f'annotation_{split}.odgt').write_text(
            ''.join(line + '\n' for line in lines)
        )
    build.truth.add_trap('comma in the image ID', stems['train'][0])


def _annotate(
    build: Build, stem: str, split: str, sightings: list[Sighting], index: int
) -> str:
    """The odgt line of one image; every third also has an ignore mask."""
    rng = build.rng('annotation', stem)
    boxes = [
        _box_record(rng, number, sighting)
        for number, sighting in enumerate(sightings)
    ]
    if index % 3 == 0:
        boxes.insert(0, _mask_record(rng, build.size.image))
        build.truth.add_trap('mask with empty head_attr', stem)
    for box in boxes:
        if box['fbox'][0] < 0:
            build.truth.add_trap('negative full box', stem)
        if box['tag'] == 'person' and 'box_id' not in box['extra']:
            build.truth.add_trap('extra without box_id', stem)
        if box['tag'] == 'person' and box['extra'].get('ignore'):
            build.truth.add_trap('person to be ignored', stem)
    persons = [
        {
            'box': box['fbox'],
            'visible': box['vbox'],
            'ignore': box['tag'] != 'person'
            or bool(box['extra'].get('ignore', 0)),
        }
        for box in boxes
    ]
    build.truth.add_image(
        f'Images/{stem}.jpg', split, persons, size=build.size.image
    )
    line = {'ID': stem, 'gtboxes': boxes}
    if index % 2:  # the key order varies
        line = {'gtboxes': boxes, 'ID': stem}
    return json.dumps(line)


def _box_record(
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


def _mask_record(rng: np.random.Generator, size: tuple[int, int]) -> dict:
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
