"""CityPersons: pedestrians at least 50 pixels tall; the rest is ignored.

The dataset is that of Zhang et al., "CityPersons: A Diverse Dataset for
Pedestrian Detection" (CVPR 2017).
"""

from __future__ import annotations

import numpy as np

from . import matlab
from .errors import REFETCH, NativeDataError
from .files import NativeRoot, are_pixels
from .records import (
    ImageRecord,
    NativeSet,
    Note,
    Split,
    person_facts,
    xywh_to_xyxy,
)

CLASSES = {
    0: 'marked ignore',
    1: 'pedestrians',
    2: 'riders',
    3: 'sitting persons',
    4: 'persons in other postures',
    5: 'groups',
}
PEDESTRIAN = 1
MIN_HEIGHT = 50


def read_citypersons(root: NativeRoot) -> NativeSet:
    """Read the splits ``train`` and ``test``, this one the validation set."""
    notes: list[Note] = []
    splits, facts = [], {}
    for name, source in (('train', 'train'), ('test', 'val')):
        frames = _read(root, source, notes)
        facts.update(_class_facts(name, [rows for _, rows in frames]))
        records = [_record(path, rows) for path, rows in frames]
        splits.append(Split(name, records))
    facts.update(person_facts(splits, notes))
    return NativeSet(splits, facts, notes, clip=True)


def _read(root: NativeRoot, source: str, notes: list[Note]) -> list:
    """(image path, rows (N, 10) float64) of every frame."""
    path = root.file(f'annotations/anno_{source}.mat', f'anno_{source}.mat')
    variable = f'anno_{source}_aligned'
    entries = matlab.load_variable(path, variable)
    frames = []
    for k, entry in enumerate(matlab.structs(entries, variable, path)):
        where = f'{variable}[{k}]'
        city, image = (
            matlab.text(
                matlab.field(entry, key, where, path), f'{where}.{key}', path
            )
            for key in ('cityname', 'im_name')
        )
        rows = matlab.numbers(
            matlab.field(entry, 'bbs', where, path), f'{where}.bbs', path
        )
        rows = rows.reshape(-1, 10) if rows.size % 10 == 0 else rows
        if rows.ndim != 2 or rows.shape[1] != 10 or not are_pixels(rows):
            raise NativeDataError(
                path,
                f'{where}.bbs ({image}) is no matrix (N, 10) of '
                f'numbers but {rows.shape}',
                REFETCH,
            )
        flat = (rows[:, 3:5] <= 0).any(axis=1)
        if flat.any():
            notes.append(
                Note('box without area', f'{where} ({image})', 'dropped')
            )
        frames.append((f'leftImg8bit/{source}/{city}/{image}', rows[~flat]))
    return frames


def _record(path: str, rows: np.ndarray) -> ImageRecord:
    wanted = (rows[:, 0] == PEDESTRIAN) & (rows[:, 4] >= MIN_HEIGHT)
    return ImageRecord(path, xywh_to_xyxy(rows[:, 1:5]), ignored=~wanted)


def _class_facts(name: str, frames: list[np.ndarray]) -> dict[str, int]:
    rows = np.concatenate(frames) if frames else np.zeros((0, 10))
    facts = {
        f'{name} {label}': int((rows[:, 0] == key).sum())
        for key, label in CLASSES.items()
    }
    facts[f'{name} pedestrians of {MIN_HEIGHT} pixels'] = int(
        ((rows[:, 0] == PEDESTRIAN) & (rows[:, 4] >= MIN_HEIGHT)).sum()
    )
    facts[f'{name} images without box'] = sum(
        len(frame) == 0 for frame in frames
    )
    return facts
