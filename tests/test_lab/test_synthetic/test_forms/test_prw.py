"""PRW: key names, identity gaps, fractional boxes, query list."""

import numpy as np
import pytest
from scipy.io import loadmat

from lab.synthetic.forms.prw_identities import ALL_TEST, ALL_TRAIN, choose_ids
from lab.synthetic.randomness import stream

KEYS = ('box_new', 'anno_file', 'anno_previous')


@pytest.fixture(scope='module')
def root(tiny_world):
    return tiny_world / 'PRW'


@pytest.fixture(scope='module')
def truth(truth_of):
    return truth_of('PRW')


def stems(root, split: str) -> list[str]:
    cells = loadmat(root / f'frame_{split}.mat')[f'img_index_{split}']
    assert cells.dtype == object and cells.shape[1] == 1
    return [str(cell[0]) for cell in cells[:, 0]]


def matrices(root) -> dict[str, tuple[str, np.ndarray]]:
    """Frame -> (key, matrix)."""
    found = {}
    for path in (root / 'annotations').iterdir():
        content = loadmat(path)
        (key,) = (name for name in content if not name.startswith('__'))
        found[path.name.removesuffix('.jpg.mat')] = (key, content[key])
    return found


def test_each_frame_has_one_of_three_key_names(root):
    found = matrices(root)
    assert {key for key, _ in found.values()} == set(KEYS)
    assert set(found) == set(stems(root, 'train') + stems(root, 'test'))
    for _, matrix in found.values():
        assert matrix.dtype == np.float64 and matrix.shape[1] == 5
    values = np.concatenate([m[:, 1:].ravel() for _, m in found.values()])
    assert np.mean(values != np.round(values)) > 0.9  # fractional


def test_the_real_numbers_leave_gaps():
    everyone = choose_ids(stream(0), 483, 450)
    assert everyone.train == sorted(ALL_TRAIN)
    assert everyone.test == sorted(ALL_TEST)
    assert 479 not in everyone.train and 484 not in everyone.train
    few = choose_ids(stream(0), 10, 6)
    assert {478, 480, 483, 932} <= set(few.train)
    assert {479, 484, 931, 933} <= set(few.test)


def test_identity_files_and_their_variables(root, truth):
    train = loadmat(root / 'ID_train.mat')['ID_train']
    test = loadmat(root / 'ID_test.mat')['ID_test2']
    assert train.shape == (1, 10) and test.shape == (1, 6)
    assert train[0].tolist() == truth['facts']['train_ids']
    in_test = {
        int(row[0])
        for stem, (_, rows) in matrices(root).items()
        if stem in stems(root, 'test')
        for row in rows
    }
    assert -2 in in_test
    assert set(test[0].astype(int)) <= in_test
    assert len(in_test & set(train[0].astype(int))) >= 2  # seen again


def test_one_query_per_test_identity_and_camera(root, truth):
    test_ids = set(truth['facts']['test_ids'])
    pairs = {
        (int(row[0]), int(stem[1]))
        for stem, (_, rows) in matrices(root).items()
        if stem in set(stems(root, 'test'))
        for row in rows
        if int(row[0]) in test_ids
    }
    lines = (root / 'query_info.txt').read_bytes().split(b'\r\n')
    assert lines.pop() == b''  # CRLF, also after the last line
    fields = [line.decode().split(' ') for line in lines]
    assert sorted((int(f[0]), int(f[5][1])) for f in fields) == sorted(pairs)
    crops = {path.name for path in (root / 'query_box').iterdir()}
    assert crops == {f'{f[0]}_{f[5]}.jpg' for f in fields}


def test_query_text_is_the_matrix_to_four_decimals(root):
    found = matrices(root)
    unequal = 0
    for line in (root / 'query_info.txt').read_text().splitlines():
        number, *box, stem = line.split()
        rows = found[stem][1]
        own = rows[rows[:, 0] == float(number), 1:]
        distance = np.abs(own - np.array(box, float)).max(1).min()
        assert distance < 1e-4
        unequal += distance > 0
        assert all(len(value.split('.')[1]) == 4 for value in box)
    assert unequal == 1  # 59.99998 in the matrix


def test_line_ends_come_in_four_variants(truth):
    texts = truth['facts']['query_text']
    assert len(texts) == 4
    lines = {tuple(text.split()) for text in texts.values()}
    assert len(lines) == 1
    assert sum('\r' in text for text in texts.values()) == 2
    assert sum(text.endswith('\n') for text in texts.values()) == 2


def test_boxes_leave_the_frame_and_camera_six_is_smaller(truth):
    sizes = {image['camera']: image['size'] for image in truth['images']}
    assert len(sizes) == 6
    assert sizes[6] != sizes[1]
    assert sizes[6][0] / sizes[6][1] == pytest.approx(5 / 4, abs=0.02)
    traps = {trap['trap'] for trap in truth['traps']}
    assert {
        'negative x (train)',
        'negative x (test)',
        'box beyond the border',
        'train identity twice in one frame',
        'test identity twice in one frame',
        'frame with unlabelled persons only',
    } <= traps
    for image in truth['images']:
        width, height = image['size']
        for x, y, w, h in (person['box'] for person in image['persons']):
            assert x > -3 and y >= 1
            assert x + w < width + 10.1 and y + h < height + 9.1


def test_test_twins_are_never_queries(truth):
    facts = truth['facts']
    for image in truth['images']:
        ids = [person['id'] for person in image['persons']]
        twins = {i for i in ids if i > 0 and ids.count(i) > 1}
        if image['split'] == 'test':
            assert twins <= set(facts['reappearing_ids'])
