"""WiderPerson: a text file of corner boxes per image."""

from ..build import Build
from ..scene import Sighting
from .crowds import corners, render_crowds

PEDESTRIAN, RIDER, PARTIAL, IGNORE, CROWD = range(1, 6)
PARTLY_VISIBLE = 0.6


def _lines(build: Build, name: str, sightings: list[Sighting]) -> list[list]:
    """[class, x1, y1, x2, y2] per person, then one region to ignore."""
    rng = build.rng('classes', name)
    rows = []
    for seen in sightings:
        kind = PARTIAL if seen.visibility < PARTLY_VISIBLE else PEDESTRIAN
        if kind == PEDESTRIAN and rng.random() < 0.15:
            kind = int(rng.choice([RIDER, CROWD]))
        rows.append([kind, *corners(seen.box)])
    width, height = build.size.image
    rows.append([IGNORE, 0, 0, width // 6, height // 8])
    return rows


def write(build: Build) -> None:
    """Draw WiderPerson: pictures, and a text file for each of them."""
    counts = {
        'train': build.size.train_images,
        'val': build.size.val_images,
        'test': build.size.val_images,
    }
    total = sum(counts.values())
    order = (build.rng('names').permutation(total) + 1).tolist()
    stems, first = {}, 0
    for split, count in counts.items():
        stems[split] = [f'{n:06d}' for n in order[first : first + count]]
        first += count
    found = render_crowds(
        build,
        {
            split: [f'Images/{stem}.jpg' for stem in names]
            for split, names in stems.items()
        },
    )
    folder = build.root / 'Annotations'
    folder.mkdir()
    for split, names in stems.items():
        (build.root / f'{split}.txt').write_text('\n'.join(names) + '\n')
        for stem in names if split != 'test' else []:
            file = f'Images/{stem}.jpg'
            rows = _lines(build, stem, found[file])
            text = '\n'.join(' '.join(map(str, row)) for row in rows)
            (folder / f'{stem}.jpg.txt').write_text(f'{len(rows)}\n{text}\n')
            _record(build, split, file, rows)


def _record(build: Build, split: str, file: str, rows: list[list]) -> None:
    persons = [
        {
            'box': [x0, y0, x1 - x0, y1 - y0],
            'class': kind,
            'ignore': kind in (IGNORE, CROWD),
        }
        for kind, x0, y0, x1, y1 in rows
    ]
    build.truth.add_image(file, split, persons, size=build.size.image)
    build.truth.add_trap('corner boxes', file)
    build.truth.add_trap('region to be ignored (class 4)', file)
    if any(row[0] == CROWD for row in rows):
        build.truth.add_trap('crowd (class 5)', file)
