"""EuroCity Persons: one JSON tree per PNG, by day and by night."""

import json

from ..build import Build
from ..scene import Sighting
from .crowds import corners, render_crowds

CITIES = ('amsterdam', 'lyon')
FAR_GROUP = 'person-group-far-away'


def _stem(split: str, index: int) -> tuple[str, str, str]:
    """(day or night, city, file stem)."""
    city = CITIES[index % 2]
    time = ('day', 'night')[index // 2 % 2]
    return time, city, f'{city}_{index:05d}'


def _box(sighting: Sighting) -> dict:
    return dict(zip(('x0', 'y0', 'x1', 'y1'), corners(sighting.box)))


def _tags(sighting: Sighting) -> list[str]:
    hidden = 100 * (1 - sighting.visibility)
    return [f'occluded>{limit}' for limit in (10, 40, 80) if hidden > limit][
        -1:
    ]


def _children(build: Build, file: str, sightings: list[Sighting]) -> list:
    """Pedestrians, a rider with the bicycle nested inside, a far group."""
    rng = build.rng('children', file)
    children = []
    for index, seen in enumerate(sightings):
        child = {
            'identity': 'pedestrian',
            'tags': _tags(seen),
            'children': [],
            **_box(seen),
        }
        if rng.random() < 0.5:
            child['orient'] = round(float(rng.uniform(0, 6.28)), 3)
        if index == 0:
            wheels = {**_box(seen), 'y0': (child['y0'] + child['y1']) // 2}
            child['identity'] = 'rider'
            child['children'] = [
                {
                    'identity': 'bicycle',
                    'tags': [],
                    'children': [],
                    **wheels,
                }
            ]
        elif index == 1:
            child['identity'] = FAR_GROUP
        elif index == 2:
            child['tags'] = [*child['tags'], 'depiction']
        children.append(child)
    return children


def write(build: Build) -> None:
    """Draw EuroCity Persons: pictures, and a JSON for each of them."""
    counts = {'train': build.size.train_images, 'val': build.size.val_images}
    files: dict[str, list[str]] = {split: [] for split in counts}
    for split, count in counts.items():
        for index in range(count):
            time, city, stem = _stem(split, index)
            files[split].append(f'{time}/img/{split}/{city}/{stem}.png')
    found = render_crowds(build, files)
    width, height = build.size.image
    for split, names in files.items():
        for file in names:
            children = _children(build, file, found[file])
            frame = {
                'identity': 'frame',
                'imagewidth': width,
                'imageheight': height,
                'tags': [],
                'children': children,
            }
            path = build.root / file.replace('/img/', '/labels/').replace(
                '.png', '.json'
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(frame))
            _record(build, split, file, children)


def _record(build: Build, split: str, file: str, children: list) -> None:
    persons = [
        {
            'box': [
                child['x0'],
                child['y0'],
                child['x1'] - child['x0'],
                child['y1'] - child['y0'],
            ],
            'class': child['identity'],
            'ignore': child['identity'] == FAR_GROUP
            or 'depiction' in child['tags'],
        }
        for child in children
    ]
    build.truth.add_image(file, split, persons, size=build.size.image)
    build.truth.add_trap('vehicle nested in a rider', file)
    build.truth.add_trap('group to be ignored', file)
