"""COCO: instances_*.json with persons, other things, crowds as RLE."""

import json

import numpy as np

from ..build import Build, clip_box
from .crowds import render_crowds

PERSON, BICYCLE = 1, 2


def _number(split: str, index: int) -> int:
    return {'train': 9, 'val': 139}[split] + 16 * index


def _crowd_rle(width: int, height: int, box: list[float]) -> dict:
    """Uncompressed run lengths of a filled box, column by column."""
    mask = np.zeros((height, width), np.uint8)
    x, y, w, h = (int(value) for value in box)
    mask[y : y + h, x : x + w] = 1
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {'counts': runs, 'size': [height, width]}


def _annotations(build: Build, image: dict, sightings: list) -> list[dict]:
    width, height = build.size.image
    rows = []

    def add(box: list[float], category: int, crowd: int) -> None:
        x, y, w, h = box
        outline = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        rle = _crowd_rle(width, height, box) if crowd else None
        rows.append(
            {
                'id': image['id'] * 100 + len(rows),
                'image_id': image['id'],
                'category_id': category,
                'bbox': box,
                'area': w * h,
                'iscrowd': crowd,
                'segmentation': rle or outline,
            }
        )

    for seen in sightings:
        x0, y0, x1, y1 = np.round(
            clip_box(seen.box, build.size.image), 2
        ).tolist()
        add([x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)], PERSON, 0)
    index = image['id'] // 16
    if index % 2:
        add([4.0, 3.0, width / 4, height / 8], PERSON, 1)
    if index % 3 == 0:
        add([width * 0.5, height * 0.4, 0.43, 20.0], PERSON, 0)
    add([width * 0.6, height * 0.1, 30.5, 22.25], BICYCLE, 0)
    return rows


def write(build: Build) -> None:
    """Draw COCO: pictures, and one JSON of instances per split."""
    counts = {'train': build.size.train_images, 'val': build.size.val_images}
    files = {
        split: [
            f'{split}2017/{_number(split, index):012d}.jpg'
            for index in range(count)
        ]
        for split, count in counts.items()
    }
    found = render_crowds(build, files)
    folder = build.root / 'annotations'
    folder.mkdir()
    for split, names in files.items():
        content = {
            'images': [],
            'annotations': [],
            'categories': [
                {'id': PERSON, 'name': 'person', 'supercategory': 'person'},
                {'id': BICYCLE, 'name': 'bicycle', 'supercategory': 'vehicle'},
            ],
        }
        for index, file in enumerate(names):
            image = {
                'id': _number(split, index),
                'file_name': file.split('/')[1],
                'width': build.size.image[0],
                'height': build.size.image[1],
            }
            empty = index == len(names) - 1
            rows = [] if empty else _annotations(build, image, found[file])
            content['images'].append(image)
            content['annotations'] += rows
            _record(build, split, file, rows)
        (folder / f'instances_{split}2017.json').write_text(
            json.dumps(content)
        )


def _record(build: Build, split: str, file: str, rows: list[dict]) -> None:
    truth = build.truth
    persons = [
        {'box': row['bbox'], 'ignore': bool(row['iscrowd'])}
        for row in rows
        if row['category_id'] == PERSON
    ]
    truth.add_image(file, split, persons, size=build.size.image)
    if not rows:
        truth.add_trap('image without annotation', file)
    if any(row['iscrowd'] for row in rows):
        truth.add_trap('crowd as run lengths', file)
    if any(row['bbox'][2] < 1 for row in rows):
        truth.add_trap('box narrower than a pixel', file)
    if any(row['category_id'] != PERSON for row in rows):
        truth.add_trap('annotation of another category', file)
