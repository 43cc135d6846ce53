"""The published PRW annotations, where PS_REAL_ANNO names their folder."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmdet_ps.datasets import PersonSearchDataset
from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.files import NativeRoot

from .native_trees import cell_column

FOLDER = Path(os.environ.get('PS_REAL_ANNO', 'unset'), 'prw')
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason='PS_REAL_ANNO is not set'
)
TRAIN_IDS = [*range(1, 479), *range(480, 484), 932]
# Counts of the published files: frames, boxes, with id, ids.
COUNTS = {
    'train': (5704, 18048, 14907, 483),
    'test': (6112, 25062, 19127, 544),
}
DOUBLE = {
    'train': 'c1s1_005401 c1s1_019476 c1s1_047526 c1s2_019916 c1s2_024091 '
    'c2s1_091696 c2s1_095446 c3s1_069842 c3s1_096067 c6s1_000476',
    'test': 'c2s2_023137 c2s2_106057 c5s2_120399',
}


@pytest.fixture(scope='module', params=['train', 'test'])
def split(request):
    return request.param


@pytest.fixture(scope='module')
def images(split):
    dataset = PersonSearchDataset(
        ann_file=str(FOLDER / f'{split}_pid.json'),
        data_prefix=dict(img='frames'),
        backend_args=dict(backend='local'),  # the frames are not here
        test_mode=split == 'test',  # which has raw identities
    )
    if split == 'train':
        assert dataset.metainfo['num_identities'] == 483
    return [dataset.get_data_info(k) for k in range(len(dataset))]


def ids_of(image):
    return [i['instance_id'] for i in image['instances']]


def test_counts(split, images):
    ids = np.concatenate([ids_of(image) for image in images])
    labelled = ids[ids >= 0]
    found = len(images), len(ids), len(labelled), len(np.unique(labelled))
    assert found == COUNTS[split]
    assert ids.min() == -1  # -2 of the test file means unlabelled as well


def test_boxes_left_of_the_image(split, images):
    boxes = [i['bbox'] for image in images for i in image['instances']]
    left = sum(box[0] < 0 for box in boxes)
    assert left == {'train': 11, 'test': 14}[split]
    assert min(box[1] for box in boxes) >= 0


def test_frames_with_an_identity_twice(split, images):
    double = set()
    for image in images:
        counts = Counter(i for i in ids_of(image) if i >= 0)
        if counts and max(counts.values()) > 1:
            double.add(Path(image['img_path']).stem)
    assert double == set(DOUBLE[split].split())


def native_rows(split):
    """Frame stem -> rows [raw id, x, y, w, h], as the real files have."""
    document = json.loads((FOLDER / f'{split}_pid.json').read_text())
    rows = {image['id']: [] for image in document['images']}
    for row in document['annotations']:
        person_id = row['person_id']
        if split == 'train':
            person_id = TRAIN_IDS[person_id] if person_id >= 0 else -2
        rows[row['image_id']].append([person_id, *row['bbox']])
    return {
        Path(image['file_name']).stem: np.array(rows[image['id']], float)
        for image in document['images']
    }


def query_lines(frames):
    """One query per (test id, camera)."""
    chosen = {}
    for stem, rows in frames.items():
        for row in rows:
            if row[0] > 0 and int(row[0]) not in TRAIN_IDS:
                chosen.setdefault((int(row[0]), stem[1]), (row, stem))
    for (person_id, _), (row, stem) in sorted(chosen.items()):
        yield ' '.join([str(person_id), *map(str, row[1:]), stem])


@pytest.mark.slow
def test_a_native_tree_of_them_has_every_known_count(tmp_path):
    frames = {split: native_rows(split) for split in COUNTS}
    (tmp_path / 'annotations').mkdir()
    for split, stems in frames.items():
        for stem, rows in stems.items():
            path = tmp_path / f'annotations/{stem}.jpg.mat'
            savemat(path, {'box_new': rows}, appendmat=False)
        savemat(
            tmp_path / f'frame_{split}.mat',
            {f'img_index_{split}': cell_column(list(stems))},
        )
    labelled = {
        int(i) for rows in frames['test'].values() for i in rows[:, 0] if i > 0
    }
    test_ids = sorted(labelled - set(TRAIN_IDS))
    assert len(test_ids) == 450
    savemat(tmp_path / 'ID_train.mat', {'ID_train': [TRAIN_IDS]})
    savemat(tmp_path / 'ID_test.mat', {'ID_test2': [test_ids]})
    lines = list(query_lines(frames['test']))
    assert len(lines) == 2057
    (tmp_path / 'query_info.txt').write_text('\r\n'.join(lines))
    form = find_form('prw')
    native = form.read(NativeRoot(tmp_path, form.provenance))
    assert {key: native.facts[key] for key in form.expected} == form.expected
    assert len(native.notes) == 13  # double identities, nothing else
