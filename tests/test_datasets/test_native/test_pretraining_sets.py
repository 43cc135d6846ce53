"""Detection and re-ID sets: what is stored is what is read."""

import json

import pytest
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.utils.errors import UserError

from .. import more_native_trees as more
from .. import native_trees as trees

init_default_scope('mmdet')


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
    # Junk (-1) is left out; the distractor (0) shows nobody.
    assert ids(test) == [3, -1, 3]
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
    assert train['metainfo']['source'] == 'msmt17'


def test_coco_crowds_are_ignored_and_other_classes_left_out(tmp_path):
    document = prepared('coco-person', more.coco(tmp_path))
    # One image holds nothing, one nothing but a crowd.
    (entry,) = document['data_list']
    assert entry['img_path'] == 'train2017/000000000001.jpg'
    assert boxes(entry) == [[10.5, 5, 40.5, 65], [0, 0, 90, 50]]
    assert ignored(entry) == [0, 1]


def test_citypersons_keeps_tall_pedestrians_only(tmp_path):
    report = prepare(find_form('citypersons'), more.citypersons(tmp_path))
    assert report.found['train pedestrians'] == 3
    assert report.found['train pedestrians of 50 pixels'] == 2
    assert report.found['train riders'] == 1
    assert report.found['train images without box'] == 1
    document = json.loads((tmp_path / 'prepared/train.json').read_text())
    first, empty, third = document['data_list']
    assert first['img_path'] == 'leftImg8bit/train/aachen/aachen_000000.png'
    # 100 + 80 in uint8 is fine, 200 + 80 would not be: widened either way.
    assert boxes(first) == [[20, 10, 50, 70], [100, 0, 180, 50]]
    assert ignored(first) == [0, 1]
    assert empty['instances'] == []
    assert boxes(third)[0] == [0, 10, 26, 80]
    assert ignored(third) == [0, 1, 1]


def test_eurocity_persons_that_are_no_pedestrians_are_ignored(tmp_path):
    document = prepared('eurocity', more.eurocity(tmp_path))
    day, night = document['data_list']
    assert day['img_path'] == 'day/img/train/bonn/bonn_00001.png'
    assert night['img_path'] == 'night/img/train/bonn/bonn_00001.png'
    # pedestrian, depiction, below 20 pixels, rider (not its bicycle), group
    assert ignored(day) == [0, 1, 1, 1, 1]
    assert boxes(day)[3] == [100, 10, 140, 80]


def test_widerperson_boxes_are_corners(tmp_path):
    document = prepared('widerperson', more.widerperson(tmp_path))
    (entry,) = document['data_list']
    assert boxes(entry) == [
        [10, 10, 40, 80],
        [50, 0, 70, 80],
        [100, 0, 150, 50],
        [0, 0, 9, 9],
    ]
    assert ignored(entry) == [0, 0, 1, 1]


def test_cuhk03_archive_gives_both_protocols(tmp_path):
    pytest.importorskip('h5py')
    report = prepare(find_form('cuhk03'), more.cuhk03(tmp_path))
    names = sorted(
        path.name for path in (tmp_path / 'images_labeled').iterdir()
    )
    assert names == sorted(more.cuhk03_names())
    with Image.open(tmp_path / 'images_labeled/2_001_1_01.png') as image:
        assert image.size == (8, 16)
        assert image.getpixel((0, 0)) == (120, 120, 120)
    files = {name for name in report.written if name.startswith('train')}
    assert files == {
        'train.json',
        'train_detected.json',
        'train_classic.json',
        'train_classic_detected.json',
    }
    train = json.loads((tmp_path / 'prepared/train.json').read_text())
    classic = json.loads(
        (tmp_path / 'prepared/train_classic.json').read_text()
    )
    assert ids(train) == ids(classic) == [0] * 3 + [1] * 10
    test = json.loads((tmp_path / 'prepared/test_classic.json').read_text())
    assert [e['role'] for e in test['data_list']] == (
        ['query'] * 4 + ['gallery'] * 3
    )
    # Unpacked images are part of the sources: nothing to do again.
    assert prepare(find_form('cuhk03'), tmp_path).reused


@pytest.mark.parametrize('option', ['dry_run', 'verify_only'])
def test_cuhk03_is_unpacked_before_it_is_looked_at(tmp_path, option):
    pytest.importorskip('h5py')
    root = more.cuhk03(tmp_path)
    with pytest.raises(UserError, match='not unpacked.*; prepare once wit'):
        prepare(find_form('cuhk03'), root, **{option: True})
    prepare(find_form('cuhk03'), root)
    assert prepare(find_form('cuhk03'), root, **{option: True}).found


def test_cuhk03_repack(tmp_path):
    for kind in ('labeled/', 'detected/'):
        trees.market1501(tmp_path, kind)
    train = prepared('cuhk03', tmp_path)
    assert train['data_list'][0]['img_path'].startswith('labeled/')
    assert ids(train) == [0, 0, 1]
    assert ids(prepared('cuhk03', tmp_path, 'test_detected')) == [3, 0, 3]


def test_duke_form(tmp_path):
    train = prepared('dukemtmc', trees.market1501(tmp_path))
    assert ids(train) == [0, 0, 1]


def test_luperson_lmdb_loads_by_key(tmp_path):
    pytest.importorskip('lmdb')
    root = more.luperson_lmdb(tmp_path)
    report = prepare(find_form('luperson'), root)
    assert report.found == {'train images': 3}
    dataset = DATASETS.build(
        dict(
            type='ReIDCropDataset',
            data_root=str(root),
            ann_file='prepared/train.json',
            pipeline=[
                dict(
                    type='LoadImageFromFile',
                    backend_args=dict(
                        backend='lmdb', db_path=str(root / 'lmdb')
                    ),
                ),
                dict(type='LoadPersonAnnotations'),
                dict(type='PackPersonSearchInputs'),
            ],
        )
    )
    packed = dataset[2]
    assert packed['inputs'][:, 0, 0].tolist() == [0, 0, 100]
    sample = packed['data_samples']
    assert sample.img_path == more.LUPERSON_KEYS[2]
    assert sample.gt_instances.person_ids.tolist() == [-1]
    assert sample.gt_instances.bboxes.tolist() == [[0, 0, 8, 16]]


def test_luperson_files(tmp_path):
    root = more.luperson_files(tmp_path)
    for _ in range(2):  # the folder 'prepared' is no country
        assert not prepare(find_form('luperson'), root).reused
    dataset = DATASETS.build(
        dict(
            type='ReIDCropDataset',
            data_root=str(root),
            ann_file='prepared/train.json',
            pipeline=[dict(type='LoadImageFromFile')],
        )
    )
    assert len(dataset) == 2
    assert dataset[0]['img_path'].endswith('de/bonn/v0/00000002_0001.jpg')
    assert dataset[1]['img'].shape == (16, 8, 3)


def test_crops_of_a_target_are_marked(tmp_path):
    root = more.cuhk_sysu_crops(tmp_path)
    document = prepared('cuhk-sysu-crops', root)
    assert document['metainfo']['dataset'] == 'cuhk-sysu-crops'
    assert ids(document) == [1, 0, 0]
