"""The three person-search sets: what is stored is what is read."""

import json

import numpy as np
import pytest

from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare

from .. import native_trees as trees


def prepared(name, root, split):
    prepare(find_form(name), root)
    return json.loads((root / f'prepared/{split}.json').read_text())


def persons(entry):
    boxes = [i['bbox'] for i in entry['instances']]
    ids = [i['instance_id'] for i in entry['instances']]
    return boxes, ids


def notes(report):
    return [note.what for note in report.notes]


def test_cuhk_training_ids_are_positions_in_train_mat(tmp_path):
    document = prepared('cuhk-sysu', trees.cuhk_sysu(tmp_path), 'train')
    assert document['metainfo']['num_identities'] == 2
    by_name = {e['img_path']: persons(e) for e in document['data_list']}
    assert by_name['Image/SSM/s1.jpg'] == (
        [[10, 10, 50, 90], [100, 5, 160, 95]], [1, 0])  # fmt: skip
    assert by_name['Image/SSM/s2.jpg'] == ([[120, 10, 170, 95]], [0])
    assert by_name['Image/SSM/s3.jpg'] == ([[20, 20, 50, 80]], [-1])


def test_cuhk_test_set_keeps_pool_order_and_query_numbers(tmp_path):
    document = prepared('cuhk-sysu', trees.cuhk_sysu(tmp_path), 'test')
    names = [e['img_path'] for e in document['data_list']]
    assert names == [f'Image/SSM/{name}' for name in trees.CUHK_POOL]
    assert [e['img_id'] for e in document['data_list']] == [0, 1, 2]
    for entry in document['data_list']:
        name = entry['img_path'].rsplit('/', 1)[1]
        assert persons(entry) == trees.CUHK_TRUTH[name]
        assert (entry['width'], entry['height']) == (200, 100)


def test_cuhk_known_errors_are_reported(tmp_path):
    report = prepare(find_form('cuhk-sysu'), trees.cuhk_sysu(tmp_path))
    met = notes(report)
    assert 'box without area' in met
    assert 'gallery image listed twice, the same box' in met
    assert 'query image in its own gallery, with the query box' in met
    assert report.found['train boxes'] == 4
    assert report.found['test queries'] == 2
    assert 'train boxes' in report.differing


def test_a_single_query_and_identity_do_not_collapse(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, 'CUHK_QUERIES', trees.CUHK_QUERIES[:1])
    monkeypatch.setattr(trees, 'CUHK_TRAIN', trees.CUHK_TRAIN[1:])
    report = prepare(find_form('cuhk-sysu'), trees.cuhk_sysu(tmp_path))
    assert report.found['test queries'] == 1
    assert report.found['train ids'] == 1


def test_prw_ids_run_from_zero_through_the_gaps(tmp_path):
    document = prepared('prw', trees.prw(tmp_path), 'train')
    assert document['metainfo']['num_identities'] == 4
    first, second, third = document['data_list']
    assert persons(first) == ([[10.5, 5.25, 40.5, 65.25], [80, 5, 110, 75]],
                              [1, -1])  # fmt: skip
    # A negative x stays; rounding is the evaluation's affair.
    assert persons(second)[0][0] == pytest.approx([-1.703, 5.5, 28.547, 65.5])
    assert persons(second)[1] == [2, 3]
    assert (first['camera'], third['camera']) == (1, 6)


@pytest.mark.parametrize('line_end', ['\r\n', '\n'])
def test_prw_test_keeps_raw_ids_and_order(tmp_path, line_end):
    document = prepared('prw', trees.prw(tmp_path, line_end), 'test')
    stems = [e['img_path'][7:-4] for e in document['data_list']]
    assert stems == list(trees.PRW_TEST)
    assert [persons(e)[1] for e in document['data_list']] == [
        [933, 1], [933, -1], [479], [479]]  # fmt: skip


def test_prw_counts(tmp_path):
    found = prepare(find_form('prw'), trees.prw(tmp_path)).found
    assert found['queries'] == found['(test id, camera) pairs'] == 4
    assert found['test boxes of training ids'] == 1
    assert found['train boxes without id'] == 1


def test_prw_query_without_box_is_added(tmp_path):
    root = trees.prw(tmp_path)
    with open(root / 'query_info.txt', 'a') as file:
        file.write('\r\n933 100 10 30 60 c2s1_000151\r\n\r\n')
    report = prepare(find_form('prw'), root)
    assert 'query without annotated box' in notes(report)
    test = json.loads((root / 'prepared/test.json').read_text())
    assert persons(test['data_list'][3]) == (
        [[42.5, 5, 72.5, 65], [100, 10, 130, 70]], [479, 933])  # fmt: skip


def test_posetrack_ids_ignore_regions_and_empty_frames(tmp_path):
    root = trees.posetrack21(tmp_path)
    train = prepared('posetrack21', root, 'train')
    assert train['metainfo']['num_identities'] == 2
    first, empty, third = train['data_list']
    assert persons(first) == (
        [[20, 10, 50.5, 70], [80, 10, 110, 70], [0, 0, 9, 20]],
        [1, 0, -1],
    )
    assert [i['ignore_flag'] for i in first['instances']] == [0, 0, 1]
    assert empty['instances'] == []
    assert persons(third)[0][-1] == [5, 5, 25, 30]  # the flat form
    assert persons(third)[1] == [1, -1, -1]


def test_posetrack_test_set_holds_every_query(tmp_path):
    root = trees.posetrack21(tmp_path)
    test = prepared('posetrack21', root, 'test')
    frames = [e['img_path'][-10:-4] for e in test['data_list']]
    assert frames == ['000005', '000004', '000006']
    assert persons(test['data_list'][0])[1] == [0, 11]


def test_uint8_boxes_are_widened(tmp_path):
    # In uint8, 100 + 200 would be 44.
    assert (np.uint8(100) + np.array([200], np.uint8))[0] == 44
    box = [100, 5, 200, 90]
    trees.CUHK_BOXES['s2.jpg'].append(box)
    try:
        root = trees.cuhk_sysu(tmp_path)
    finally:
        trees.CUHK_BOXES['s2.jpg'].remove(box)
    train = prepared('cuhk-sysu', root, 'train')
    entry = next(e for e in train['data_list'] if 's2' in e['img_path'])
    assert persons(entry)[0][1] == [100, 5, 300, 95]
