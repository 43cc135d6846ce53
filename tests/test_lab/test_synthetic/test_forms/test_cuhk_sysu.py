"""CUHK-SYSU as scipy reads it: nesting, types, order and data errors."""

import numpy as np
import pytest
from scipy.io import loadmat

TEST = 'annotation/test'


@pytest.fixture(scope='module')
def root(tiny_world):
    return tiny_world / 'CUHK-SYSU'


@pytest.fixture(scope='module')
def truth(truth_of):
    return truth_of('CUHK-SYSU')


@pytest.fixture(scope='module')
def gallery_50(root):
    return loadmat(root / f'{TEST}/train_test/TestG50.mat')['TestG50']


def positives(row) -> list[tuple[str, list[int]]]:
    return [
        (str(entry['imname'][0]), entry['idlocate'][0].tolist())
        for entry in row['Gallery'][0]
        if entry['idlocate'].size
    ]


def test_struct_arrays_nest_as_in_the_original(root, gallery_50):
    image = loadmat(root / 'annotation/Images.mat')['Img']
    assert image.shape[0] == 1 and image.dtype.names == (
        'imname',
        'nAppear',
        'box',
    )
    first = image[0, 0]
    assert first['imname'].shape == (1,)
    assert first['nAppear'].shape == (1, 1)
    assert first['box'].shape[0] == 1
    assert first['box'].dtype.names == ('idlocate', 'ishard')
    assert first['box'][0, 0]['idlocate'].shape == (1, 4)
    train = loadmat(root / f'{TEST}/train_test/Train.mat')['Train']
    assert train.dtype == object and train.shape[1] == 1
    assert train[0, 0].shape == (1, 1)
    assert train[0, 0][0, 0]['scene'].dtype.names == (
        'imname',
        'idlocate',
        'ishard',
    )
    person = loadmat(root / 'annotation/Person.mat')['Person']
    assert person.dtype.names == ('idname', 'nAppear', 'scene')
    query = gallery_50[0, 0]['Query']
    assert query.shape == (1, 1)
    assert query.dtype.names == ('imname', 'idlocate', 'ishard', 'idname')
    assert query[0, 0]['ishard'].dtype == np.uint8
    gallery = gallery_50[0, 0]['Gallery']
    assert gallery.shape[0] == 1 and 'idname' not in gallery.dtype.names
    pool = loadmat(root / 'annotation/pool.mat')['pool']
    assert pool.dtype == object and pool.shape[1] == 1


def test_absent_persons_are_empty_rows_after_the_positives(gallery_50):
    for row in gallery_50[0]:
        sizes = [entry['idlocate'].size for entry in row['Gallery'][0]]
        assert sizes == sorted(sizes, reverse=True)
        absent = row['Gallery'][0, -1]
        for name in ('idlocate', 'ishard'):
            assert absent[name].shape == (1, 0)
            assert absent[name].dtype == np.float64


def test_boxes_take_the_smallest_unsigned_type(root):
    images = loadmat(root / 'annotation/Images.mat')['Img'][0]
    kinds = [
        {box['idlocate'].dtype.name for box in image['box'][0]}
        for image in images
    ]
    assert {'uint8', 'uint16'} in kinds  # both within one image
    for image in images:
        for box in image['box'][0]:
            small = box['idlocate'].max() < 256
            assert (box['idlocate'].dtype == np.uint8) == small


def test_every_gallery_has_the_queries_in_one_order(root, gallery_50):
    other = loadmat(root / f'{TEST}/train_test/TestG100.mat')['TestG100']
    names = [
        [str(row['Query'][0, 0]['idname'][0]) for row in rows[0]]
        for rows in (gallery_50, other)
    ]
    assert names[0] == names[1]
    pool = {
        str(name[0])
        for name in loadmat(root / 'annotation/pool.mat')['pool'][:, 0]
    }
    used = {
        str(entry['imname'][0])
        for row in other[0]
        for entry in (*row['Gallery'][0], row['Query'][0, 0])
    }
    assert used == pool


def test_known_data_errors_are_there(root, truth, gallery_50):
    rows = {str(r['Query'][0, 0]['idname'][0]): r for r in gallery_50[0]}
    place = {
        trap['trap']: rows[trap['where'].removeprefix('query of ')]
        for trap in truth['traps']
        if trap['where'].startswith('query of ')
    }
    same = positives(place['duplicate entry, same box'])
    assert len(same) - len({name for name, _ in same}) == 1
    assert len({(name, tuple(box)) for name, box in same}) == len(same) - 1
    twin = positives(place['duplicate entry, different boxes'])
    assert len({name for name, _ in twin}) == len(twin) - 1
    assert len({(name, tuple(box)) for name, box in twin}) == len(twin)
    for trap, has_query_box in (
        ('query image in its gallery, different box', False),
        ('query image in its gallery, query box', True),
    ):
        query = place[trap]['Query'][0, 0]
        own = [
            box
            for name, box in positives(place[trap])
            if name == str(query['imname'][0])
        ]
        assert (own == [query['idlocate'][0].tolist()]) == has_query_box
        assert len(own) == 1
    boxes = [
        box['idlocate'][0].astype(int).tolist()
        for image in loadmat(root / 'annotation/Images.mat')['Img'][0]
        for box in image['box'][0]
    ]
    assert sum(box[2] == 0 for box in boxes) == 2
    assert any(box[2:] == [12, 34] for box in boxes)
    assert min(box[0] for box in boxes) == 1


def test_training_has_bare_images_and_doubled_persons(truth):
    train = [im for im in truth['images'] if im['split'] == 'train']
    labelled = set(truth['facts']['train_ids'])
    per_image = [
        [p['id'] for p in image['persons'] if p['id'] in labelled]
        for image in train
    ]
    assert sum(not ids for ids in per_image) >= 2
    assert sum(len(ids) != len(set(ids)) for ids in per_image) == 1
    assert all(
        sum(number in ids for ids in per_image) >= 2 for number in labelled
    )


def test_truth_and_image_file_agree_box_by_box(root, truth):
    images = loadmat(root / 'annotation/Images.mat')['Img'][0]
    found = {
        f'Image/SSM/{image["imname"][0]}': [
            box['idlocate'][0].astype(int).tolist()
            for box in image['box'][0]
            if box['idlocate'][0, 2] > 0
        ]
        for image in images
    }
    assert found == {
        image['file']: [person['box'] for person in image['persons']]
        for image in truth['images']
    }
    for image in truth['images']:
        width, height = image['size']
        for person in image['persons']:
            x, y, w, h = person['box']
            assert x >= 1 and y >= 1 and x + w <= width and y + h <= height


def test_subsets_have_their_own_variable_names(root):
    hidden = loadmat(root / f'{TEST}/subset/Occlusion.mat')['Occlusion1']
    assert hidden.dtype.names == ('Query', 'Gallery', 'occlusion')
    small = loadmat(root / f'{TEST}/subset/Resolution.mat')['Test_Size']
    assert small.dtype.names == ('Query', 'Gallery')
    assert hidden.shape[1] >= 2 and small.shape[1] >= 2


def test_no_gallery_is_too_small_for_a_top_ten(truth, gallery_50):
    persons = {
        image['file'].split('/')[-1]: len(image['persons'])
        for image in truth['images']
    }
    assert gallery_50.shape[1] >= 2
    for row in gallery_50[0]:
        names = [str(entry['imname'][0]) for entry in row['Gallery'][0]]
        assert len(names) >= 2
        assert sum(persons[name] for name in names) >= 10
