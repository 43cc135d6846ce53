"""CrowdHuman: one JSON object per line (odgt), `Images/<ID>.jpg`."""

import json

import numpy as np

from ..build import Build
from ..scene import Actor, Sighting
from .odgt import box_record, mask_record

MAX_HIDDEN = 0.8
UNSEEN = 0.03  # nobody can annotate whom nobody sees


def _image_id(rng: np.random.Generator) -> str:
    """A file stem with a comma in it, as the originals have."""
    tail = ''.join(rng.choice(list('0123456789abcdef'), 15))
    return f'{int(rng.integers(1e5, 1e6))},{tail}'


def write(build: Build) -> None:
    people = build.population(300)
    counts = {'train': build.size.train_images, 'val': build.size.val_images}
    specs, splits = {}, {}
    for split, count in counts.items():
        for index in range(count):
            rng = build.rng(split, index)
            number = max(2, int(rng.poisson(build.size.persons)))
            chosen = rng.choice(len(people), min(number, 40), replace=False)
            stem = _image_id(rng)
            specs[stem] = build.scene(
                (split, index),
                (split, index),
                build.size.image,
                build.camera(split, index),
                [Actor(people[i], int(i)) for i in chosen],
                max_hidden=MAX_HIDDEN,
            )
            splits[stem] = split
    found = build.render(
        {f'Images/{stem}.jpg': spec for stem, spec in specs.items()}
    )
    lines: dict[str, list[str]] = {split: [] for split in counts}
    for stem, split in splits.items():
        line = _annotate(
            build, stem, split, found[f'Images/{stem}.jpg'], len(lines[split])
        )
        lines[split].append(line)
    for split, rows in lines.items():
        (build.root / f'annotation_{split}.odgt').write_text(
            ''.join(row + '\n' for row in rows)
        )
    build.truth.add_trap('comma in the image ID', next(iter(splits)))


def _annotate(
    build: Build, stem: str, split: str, sightings: list[Sighting], index: int
) -> str:
    """The odgt line of one image; every third also has an ignore mask."""
    rng = build.rng('annotation', stem)
    boxes = [
        box_record(rng, number, sighting)
        for number, sighting in enumerate(sightings)
        if sighting.visibility > UNSEEN
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
