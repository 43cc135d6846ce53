"""The detection sets: every irregularity of the originals occurs."""

import json

import cv2
import numpy as np
import pytest
from scipy.io import loadmat


@pytest.mark.parametrize('name', ['CrowdHuman', 'CrowdHuman-2'])
def test_crowdhuman_lines(tiny_world, truth_of, name):
    root = tiny_world / name
    text = (root / 'annotation_train.odgt').read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 6
    boxes = [box for line in lines for box in line['gtboxes']]
    for line in lines:
        assert ',' in line['ID']
        assert (root / f'Images/{line["ID"]}.jpg').exists()
    assert {tuple(line) for line in lines} == {
        ('ID', 'gtboxes'),
        ('gtboxes', 'ID'),
    }
    masks = [box for box in boxes if box['tag'] == 'mask']
    assert masks and all(box['head_attr'] == {} for box in masks)
    persons = [box for box in boxes if box['tag'] == 'person']
    assert any('box_id' not in box['extra'] for box in persons)
    assert any('ignore' in box['extra'] for box in persons)
    assert any(box['head_attr'] == {} for box in persons)
    assert any(box['fbox'][0] < 0 for box in persons)
    record = {im['file']: im['persons'] for im in truth_of(name)['images']}
    for line in lines:
        told = record[f'Images/{line["ID"]}.jpg']
        assert [p['box'] for p in told] == [b['fbox'] for b in line['gtboxes']]


def test_citypersons_matrices(tiny_world, truth_of):
    root = tiny_world / 'CityPersons'
    cells = loadmat(root / 'annotations/anno_train.mat')['anno_train_aligned']
    assert cells.shape == (1, 6) and cells.dtype == object
    record = {im['file']: im for im in truth_of('CityPersons')['images']}
    kinds = set()
    for cell in cells[0]:
        assert cell.shape == (1, 1)
        row = cell[0, 0]
        city, name = str(row['cityname'][0]), str(row['im_name'][0])
        file = f'leftImg8bit/train/{city}/{name}'
        matrix = row['bbs']
        kinds.add(matrix.dtype.name if matrix.size else 'empty')
        told = [person['box'] for person in record[file]['persons']]
        assert matrix.reshape(-1, 10)[:, 1:5].astype(int).tolist() == told
        assert cv2.imread(str(root / file)) is not None
    assert {'empty', 'uint8', 'uint16', 'int16'} <= kinds


def test_eurocity_trees(tiny_world):
    root = tiny_world / 'ECP'
    labels = sorted(root.rglob('*.json'))
    frames = [
        json.loads(path.read_text())
        for path in labels
        if path.name != '.synthetic.json'
    ]
    assert {'day', 'night'} <= {path.name for path in root.iterdir()}
    seen = set()
    for frame in frames:
        assert frame['identity'] == 'frame'
        for child in frame['children']:
            assert child['x1'] > child['x0']
            seen.add((child['identity'], bool(child['children'])))
    assert {('rider', True), ('pedestrian', False)} <= seen
    assert ('person-group-far-away', False) in seen
    tags = {tag for f in frames for c in f['children'] for tag in c['tags']}
    assert 'depiction' in tags and any('occluded' in tag for tag in tags)


def test_widerperson_corner_boxes(tiny_world):
    root = tiny_world / 'WiderPerson'
    classes = set()
    for stem in (root / 'train.txt').read_text().split():
        lines = (root / f'Annotations/{stem}.jpg.txt').read_text().split('\n')
        rows = np.array([line.split() for line in lines[1:-1]], int)
        assert len(rows) == int(lines[0])
        assert np.all(rows[:, 3] > rows[:, 1])
        classes.update(rows[:, 0].tolist())
    assert {1, 4, 5} <= classes
    for stem in (root / 'test.txt').read_text().split():
        assert (root / f'Images/{stem}.jpg').exists()
        assert not (root / f'Annotations/{stem}.jpg.txt').exists()


def test_coco_crowds_slivers_and_other_things(tiny_world):
    path = tiny_world / 'coco/annotations/instances_train2017.json'
    content = json.loads(path.read_text())
    rows = content['annotations']
    crowds = [row for row in rows if row['iscrowd']]
    for row in crowds:
        height, width = row['segmentation']['size']
        counts = row['segmentation']['counts']
        assert sum(counts) == width * height
        x, y, w, h = (int(value) for value in row['bbox'])
        assert sum(counts[1::2]) == w * h
    assert crowds
    assert any(row['bbox'][2] < 1 for row in rows)
    assert {row['category_id'] for row in rows} == {1, 2}
    used = {row['image_id'] for row in rows}
    assert any(image['id'] not in used for image in content['images'])
