"""CrowdHuman: one JSON object per line (odgt), `Images/<ID>.jpg`."""

import json

import numpy as np

from ..build import Build
from ..scene import Sighting
from .crowds import render_crowds
from .odgt import box_record, mask_record


def _image_id(rng: np.random.Generator) -> str:
    """A file stem with a comma in it, as the originals have."""
    tail = ''.join(rng.choice(list('0123456789abcdef'), 15))
    return f'{int(rng.integers(1e5, 1e6))},{tail}'


def write(build: Build) -> None:
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
        box_record(rng, number, sighting)
        for number, sighting in enumerate(sightings)
    ]
    if index % 3 == 0:
        boxes.insert(0, mask_record(rng, build.size.image))
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
