"""CityPersons: PNG files per city, one cell of structs per split."""

import numpy as np

from ..build import Build
from ..scene import Sighting
from .crowds import render_crowds, xywh
from .matlab import cell, save, struct

CITIES = {'train': ('aachen', 'bochum'), 'val': ('frankfurt', 'munster')}
IGNORE, PEDESTRIAN, RIDER, SITTING, OTHER, GROUP = range(6)
FULL_BOX_CLASSES = (PEDESTRIAN, RIDER)  # the others have no hidden part
CLASS_SHARES = (0.06, 0.7, 0.08, 0.06, 0.04, 0.06)


def _names(split: str, count: int) -> list[str]:
    cities = CITIES[split]
    return [
        f'{cities[index % 2]}_{index:06d}_000019_leftImg8bit.png'
        for index in range(count)
    ]


def _file(split: str, name: str) -> str:
    return f'leftImg8bit/{split}/{name.split("_")[0]}/{name}'


def _rows(build: Build, name: str, sightings: list[Sighting]) -> np.ndarray:
    """(n, 10) class, x, y, w, h, instance, visible x, y, w, h."""
    rng = build.rng('classes', name)
    rows = []
    for index, seen in enumerate(sightings):
        kind = int(rng.choice(6, p=CLASS_SHARES)) if index else PEDESTRIAN
        box, visible = xywh(seen.box), xywh(seen.visible_box)
        if kind not in FULL_BOX_CLASSES:
            box = visible
        instance = (24000 if kind else 0) + index
        rows.append([kind, *box, instance, *visible])
    return np.array(rows, np.int64).reshape(-1, 10)


def _narrow(rows: np.ndarray) -> np.ndarray:
    """The smallest type that holds the matrix, as the originals use."""
    if rows.size and rows.min() < 0:
        return rows.astype(np.int16)
    return rows.astype(np.min_scalar_type(int(rows.max(initial=0))))


def write(build: Build) -> None:
    """Draw CityPersons: pictures, and one .mat per split."""
    counts = {'train': build.size.train_images, 'val': build.size.val_images}
    names = {split: _names(split, count) for split, count in counts.items()}
    found = render_crowds(
        build,
        {
            split: [_file(split, name) for name in stems]
            for split, stems in names.items()
        },
    )
    for split, stems in names.items():
        cells = []
        for index, name in enumerate(stems):
            file = _file(split, name)
            rows = _rows(build, name, found[file] if index != 1 else [])
            if index == 2:  # without large instance numbers: bytes suffice
                rows[:, 5] %= 100
                rows = rows[(rows.min(1) >= 0) & (rows.max(1) < 256)]
            cells.append(_cell(build, split, name, _narrow(rows)))
        variable = f'anno_{split}_aligned'
        save(
            build.root / f'annotations/anno_{split}.mat',
            **{variable: cell(cells).T},
        )


def _cell(build: Build, split: str, name: str, rows: np.ndarray) -> np.ndarray:
    """The struct of one image; the truth learns about it."""
    truth, file = build.truth, _file(split, name)
    truth.add_image(
        file,
        split,
        [
            {
                'box': row[1:5],
                'class': row[0],
                'visible': row[6:],
                'ignore': row[0] != PEDESTRIAN,
            }
            for row in rows.tolist()
        ],
        size=build.size.image,
        dtype=str(rows.dtype),
    )
    if not len(rows):
        truth.add_trap('image with an empty matrix', file)
    if rows.dtype == np.int16:
        truth.add_trap('negative full box', file)
    if rows.dtype == np.uint8 and len(rows):
        truth.add_trap('uint8 matrix', file)
    return struct(
        [
            {
                'cityname': name.split('_')[0],
                'im_name': name,
                'bbs': rows if len(rows) else np.zeros((0, 0)),
            }
        ]
    )
