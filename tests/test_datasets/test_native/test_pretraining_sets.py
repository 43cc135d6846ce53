"""Detection and re-ID sets: what is stored is what is read."""

import json

import pytest

from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare

from .. import native_trees as trees


def prepared(name, root, split='train'):
    prepare(find_form(name), root)
    return json.loads((root / f'prepared/{split}.json').read_text())


def boxes(entry):
    return [i['bbox'] for i in entry['instances']]


def ignored(entry):
    return [i['ignore_flag'] for i in entry['instances']]


def ids(document):
    return [e['instances'][0]['instance_id'] for e in document['data_list']]


def test_crowdhuman_is_clipped_and_masks_are_ignored(tmp_path):
    document = prepared('crowdhuman', trees.crowdhuman(tmp_path))
    first, second = document['data_list']
    assert first['img_path'] == 'Images/1,a.jpg'
    assert boxes(first) == [[0, 10, 40, 90], [100, 0, 150, 50]]
    assert ignored(first) == [0, 1]
    # head_attr.ignore concerns the head; extra.ignore the person.
    assert boxes(second) == [[10, 10, 40, 80], [60, 10, 90, 100]]
    assert ignored(second) == [0, 1]
    assert document['metainfo']['num_identities'] == 0


def test_market_junk_and_distractors(tmp_path):
    root = trees.market1501(tmp_path)
    train = prepared('market1501', root)
    assert ids(train) == [0, 0, 1]
    assert [e['camera'] for e in train['data_list']] == [1, 2, 6]
    assert boxes(train['data_list'][0]) == [[0, 0, 64, 128]]
    test = prepared('market1501', root, 'test')
    assert ids(test) == [3, 0, 3]  # junk (-1) is left out
    assert [e['role'] for e in test['data_list']] == [
        'query', 'gallery', 'gallery']  # fmt: skip


@pytest.mark.parametrize('release', [
    ('train', 'test'), ('mask_train_v2', 'mask_test_v2')])  # fmt: skip
def test_msmt_validation_images_are_trained_on(tmp_path, release):
    root = trees.msmt17(tmp_path, *release)
    train = prepared('msmt17', root)
    assert train['metainfo']['num_identities'] == 2
    assert [e['camera'] for e in train['data_list']] == [1, 14]
    assert train['data_list'][1]['img_path'].startswith(release[0])
    assert ids(prepared('msmt17', root, 'test')) == [0, 0]


def test_msmt_repack_counts_identity_zero_as_a_person(tmp_path):
    root = trees.market1501(tmp_path)
    trees.save_image(root / 'bounding_box_train/0000_c12_0033.jpg')
    train = prepared('msmt17', root)
    assert ids(train) == [0, 1, 1, 2]
    assert train['metainfo']['domain'] == 'msmt17'
