"""Contact sheets: a page per set to judge the drawings by eye."""

import json
from pathlib import Path

import cv2
import numpy as np

COLUMNS, SCENES, PEOPLE, CROPS = 4, 16, 10, 14
SCENE_HEIGHT, CROP_HEIGHT = 240, 128
MIN_LABELLED = 0
TRAINING = ('train', 'val')
GREEN, GREY = (60, 220, 60), (170, 170, 170)


def _resize(image: np.ndarray, height: int) -> tuple[np.ndarray, float]:
    factor = height / image.shape[0]
    width = max(1, round(image.shape[1] * factor))
    return cv2.resize(image, (width, height)), factor


def _page(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Rows of equally high pictures as one picture."""
    widest = max(sum(image.shape[1] + 4 for image in row) for row in rows)
    lines = []
    for row in rows:
        line = np.full((row[0].shape[0] + 4, widest, 3), 255, np.uint8)
        x = 0
        for image in row:
            line[: image.shape[0], x : x + image.shape[1]] = image
            x += image.shape[1] + 4
        lines.append(line)
    return np.concatenate(lines)


def _draw_scene(root: Path, record: dict) -> np.ndarray:
    """A scene with its boxes; labelled persons in green with their number."""
    image, factor = _resize(
        cv2.imread(str(root / record['file'])), SCENE_HEIGHT
    )
    for person in record['persons']:
        x, y, w, h = (value * factor for value in person['box'])
        named = person.get('id', -1) >= MIN_LABELLED
        colour = GREEN if named else GREY
        cv2.rectangle(
            image, (int(x), int(y)), (int(x + w), int(y + h)), colour, 1
        )
        if named:
            cv2.putText(
                image,
                str(person['id']),
                (int(x), int(y) + 10),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.35,
                colour,
                1,
                cv2.LINE_AA,
            )
    return image


def _cut(root: Path, record: dict, box: list[float] | None) -> np.ndarray:
    """The person's part of the picture; all of it without a box."""
    image = cv2.imread(str(root / record['file']))
    if box is None:
        return image
    x, y, w, h = box
    x0, y0 = max(0, int(x)), max(0, int(y))
    return image[y0 : int(y + h) + 1, x0 : int(x + w) + 1]


def scene_sheet(root: Path, truth: dict) -> np.ndarray:
    """Pictures of the set with their boxes, on one page."""
    images = truth['images']
    step = max(1, len(images) // SCENES)
    drawn = [_draw_scene(root, record) for record in images[::step][:SCENES]]
    return _page(
        [
            drawn[first : first + COLUMNS]
            for first in range(0, len(drawn), COLUMNS)
        ]
    )


def identity_sheet(root: Path, truth: dict) -> np.ndarray | None:
    """One identity per row, in all its pictures; None without identities."""
    found: dict[tuple[bool, int], list[np.ndarray]] = {}
    for record in truth['images']:
        for person in record['persons']:
            if person.get('id', -1) <= MIN_LABELLED:
                continue
            # Training and test numbers may be the same for two persons.
            key = (record['split'] in TRAINING, person['id'])
            if key not in found and len(found) == PEOPLE:
                continue
            row = found.setdefault(key, [])
            if len(row) < CROPS:
                row.append(_cut(root, record, person.get('box')))
    rows = [
        [_resize(image, CROP_HEIGHT)[0] for image in row]
        for row in found.values()
    ]
    return _page(rows) if rows else None


def write_sheets(out: Path, name: str, folder: Path) -> list[Path]:
    """Contact sheets of one finished set, as PNG files in `folder`."""
    truth = json.loads((out / 'truth' / f'{name}.json').read_text())
    root = out / name
    truth['images'] = [
        record
        for record in truth['images']
        if (root / record['file']).exists()  # CUHK03 has no files
    ]
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {'identities': identity_sheet(root, truth)}
    if any('box' in p for im in truth['images'] for p in im['persons']):
        sheets['scenes'] = scene_sheet(root, truth)
    written = []
    for kind, sheet in sheets.items():
        if sheet is not None:
            path = folder / f'{name}_{kind}.png'
            cv2.imwrite(str(path), sheet)
            written.append(path)
    return written
