"""The re-ID sets: names, lists, junk, and the files other tools read."""

import pickle
import re

import cv2
import numpy as np
import pytest
from scipy.io import loadmat

MARKET = re.compile(r'([-\d]+)_c(\d)s1_(\d{6})_(\d{2})\.jpg$')


def names(folder, pattern='*.jpg') -> list[str]:
    return sorted(path.name for path in folder.rglob(pattern))


def test_market_names_junk_and_distractors(tiny_world):
    root = tiny_world / 'Market-1501-v15.09.15'
    ids = {}
    for folder in ('bounding_box_train', 'query', 'bounding_box_test'):
        found = [MARKET.match(name) for name in names(root / folder)]
        assert all(found)
        ids[folder] = {int(match[1]) for match in found}
        assert (root / folder / 'Thumbs.db').exists()
    assert {-1, 0} <= ids['bounding_box_test']
    assert ids['query'] == ids['bounding_box_test'] - {-1, 0}
    assert not ids['query'] & ids['bounding_box_train']
    assert min(ids['bounding_box_train']) > 0


@pytest.mark.parametrize(
    ('name', 'folders'),
    [
        ('MSMT17_V1', ('train', 'test')),
        ('MSMT17_V2', ('mask_train_v2', 'mask_test_v2')),
    ],
)
def test_msmt17_lists_point_into_two_folders(tiny_world, name, folders):
    root = tiny_world / name
    firsts = {}
    for split in ('train', 'val', 'query', 'gallery'):
        folder = folders[split in ('query', 'gallery')]
        rows = (root / f'list_{split}.txt').read_text().splitlines()
        for row in rows:
            file, identity = row.split(' ')
            assert (root / folder / file).exists()
            assert int(file.split('/')[0]) == int(identity)
            assert 1 <= int(file.split('_')[2]) <= 15
        firsts[split] = min(int(row.split(' ')[1]) for row in rows)
    assert firsts == dict.fromkeys(firsts, 0)  # both parts start at 0


def test_msmt17_repacked_like_market(tiny_world):
    root = tiny_world / 'MSMT17_market'
    for folder in ('bounding_box_train', 'query', 'bounding_box_test'):
        found = names(root / folder)
        assert found
        assert all(re.match(r'\d{4}_c\d+_\d{4}\.jpg$', f) for f in found)


def test_duke_names(tiny_world):
    root = tiny_world / 'DukeMTMC-reID'
    found = names(root)
    assert all(re.match(r'\d{4}_c[1-8]_f\d{7}\.jpg$', f) for f in found)


def test_cuhk03_references_lead_to_transposed_images(tiny_world):
    h5py = pytest.importorskip('h5py')
    root = tiny_world / 'cuhk03_release'
    with pytest.raises(NotImplementedError):
        loadmat(root / 'cuhk-03.mat')  # a MATLAB 7.3 file
    with h5py.File(root / 'cuhk-03.mat') as file:
        shapes, empty = set(), 0
        for kind in ('labeled', 'detected'):
            for pair in file[kind][0]:
                grid = file[pair][:].T  # (identities, 10)
                assert grid.shape[1] == 10
                for reference in grid.ravel():
                    image = file[reference][:].T
                    if image.ndim < 3:
                        empty += 1
                    else:
                        shapes.add(image.shape)
        tests = [file[reference][:].T for reference in file['testsets'][0]]
    assert shapes == {(96, 48, 3)} and empty >= 2
    assert all(rows.shape[1] == 2 and rows.min() == 1 for rows in tests)


def test_cuhk03_protocol_counts_from_one(tiny_world):
    pytest.importorskip('h5py')
    root = tiny_world / 'cuhk03_release'
    split = loadmat(root / 'cuhk03_new_protocol_config_detected.mat')
    files = split['filelist'].ravel()
    parts = [
        split[f'{part}_idx'].ravel() for part in ('train', 'query', 'gallery')
    ]
    assert sorted(np.concatenate(parts)) == list(range(1, len(files) + 1))
    labels = split['labels'].ravel()
    assert not set(labels[parts[0] - 1]) & set(labels[parts[1] - 1])
    assert re.match(r'\d_\d{3}_[12]_\d{2}\.png$', str(files[0][0]))


def test_luperson_database_holds_the_files(tiny_world):
    lmdb = pytest.importorskip('lmdb')
    root = tiny_world / 'LUPerson'
    keys = pickle.loads((root / 'keys.pkl').read_bytes())
    files = sorted((root / 'luperson').rglob('*.jpg'))
    assert len(keys) == len(files) > 0
    store = lmdb.open(str(root / 'lmdb'), readonly=True, lock=False)
    with store, store.begin() as reading:
        stored = sorted(bytes(reading.get(key.encode())) for key in keys)
    assert stored == sorted(path.read_bytes() for path in files)
    assert cv2.imdecode(np.frombuffer(stored[0], np.uint8), 1) is not None
