"""A crop is a scene with one box; an index file says the same as a list."""

import json

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

import mmdet_ps  # noqa: F401
from mmdet_ps.datasets.crop_index import CropIndex
from mmdet_ps.utils.errors import UserError

from .crops import crop_config

init_default_scope('mmdet')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadPersonAnnotations'),
    dict(type='Resize', scale=(16, 64), keep_ratio=False),
    dict(type='PackPersonSearchInputs'),
]


def test_the_box_of_a_crop_fills_the_image(tmp_path):
    config = crop_config(tmp_path, [2, 1], identity_offset=10)
    dataset = DATASETS.build(dict(config, pipeline=PIPELINE))
    assert len(dataset) == 3
    assert dataset.metainfo['num_identities'] == 2
    packed = dataset[2]
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 64, 16)
    assert sample.gt_instances.bboxes.tolist() == [[0, 0, 16, 64]]
    assert sample.gt_instances.person_ids.tolist() == [11]
    assert len(sample.ignored_instances) == 0
    assert sample.source == 'crops'


def test_subsets_keep_names_and_identities(tmp_path):
    config = crop_config(tmp_path, [2, 1, 2])
    dataset = DATASETS.build(dict(config, indices=[4, 0]))
    assert len(dataset) == 2
    assert dataset.get_person_ids().tolist() == [2, 0]
    assert dataset.get_data_info(0)['img_path'].endswith('images/2_4.png')


@pytest.mark.parametrize(('indices', 'left'), [(2, [0, 1]), (-2, [3, 4])])
def test_a_number_keeps_the_first_or_the_last(tmp_path, indices, left):
    config = crop_config(tmp_path, [1] * 5)
    dataset = DATASETS.build(dict(config, indices=indices))
    assert dataset.get_person_ids().tolist() == left


def index_file(tmp_path, num_identities=0, **arrays):
    names = [f'images/{k}.png' for k in 'äbc']
    crops = CropIndex.build(names, **arrays)
    document = dict(
        metainfo=dict(dataset='x', source='x', num_identities=num_identities),
        crops=crops.save(tmp_path, 'train'),
    )
    (tmp_path / 'train.json').write_text(json.dumps(document))
    return dict(
        type='ReIDCropDataset',
        ann_file=str(tmp_path / 'train.json'),
        data_root=str(tmp_path),
        backend_args=dict(backend='lmdb', db_path='nowhere'),
    )


def test_an_index_file_without_identities(tmp_path):
    dataset = DATASETS.build(index_file(tmp_path))
    info = dataset.get_data_info(0)
    assert info['img_path'] == f'{tmp_path}/images/ä.png'
    assert info['instances'][0]['instance_id'] == -1
    assert dataset.get_person_ids().tolist() == [-1] * 3


def test_an_index_file_with_everything(tmp_path):
    config = index_file(
        tmp_path, 5, person_ids=[4, -1, 0], sizes=[[8, 16], [9, 17], [1, 2]]
    )
    dataset = DATASETS.build(dict(config, identity_offset=100))
    infos = [dataset.get_data_info(k) for k in range(3)]
    ids = [info['instances'][0]['instance_id'] for info in infos]
    assert ids == [104, -1, 100]
    assert (infos[1]['width'], infos[1]['height']) == (9, 17)
    assert isinstance(dataset.crops.names, np.memmap)


def test_an_index_file_without_its_arrays_is_an_error(tmp_path):
    config = index_file(tmp_path)
    (tmp_path / 'train.names.npy').unlink()
    with pytest.raises(UserError, match='prepare the dataset again'):
        DATASETS.build(config)


def test_scenes_are_refused(tmp_path):
    config = crop_config(tmp_path, [1])
    path = tmp_path / 'train.json'
    document = json.loads(path.read_text())
    document['data_list'][0]['instances'] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match='use PersonSearchDataset'):
        DATASETS.build(config)


@pytest.mark.parametrize('indexed', [False, True])
def test_files_of_version_0_1_say_domain(tmp_path, indexed):
    config = index_file(tmp_path) if indexed else crop_config(tmp_path, [1])
    path = tmp_path / 'train.json'
    document = json.loads(path.read_text())
    document['metainfo'].pop('source')
    document['metainfo']['domain'] = 'second-folder'
    path.write_text(json.dumps(document))
    dataset = DATASETS.build(config)
    assert dataset.metainfo['source'] == 'second-folder'
    assert dataset.get_data_info(0)['source'] == 'second-folder'


UNLIKE = dict(person_ids=[1, -1, 0], sizes=[[8, 16], [9, 17], [0, 0]])


@pytest.mark.parametrize(
    ('filter_cfg', 'left'),
    [
        (dict(filter_unlabelled=True), [1, 0]),
        (dict(min_size=9), [-1, 0]),
        (dict(filter_unlabelled=True, min_size=9), [0]),
        (dict(filter_empty_gt=True), [1, -1, 0]),
    ],
    ids=str,
)
def test_crops_are_filtered_in_training(tmp_path, filter_cfg, left):
    config = dict(index_file(tmp_path, 2, **UNLIKE), filter_cfg=filter_cfg)
    dataset = DATASETS.build(config)
    assert dataset.get_person_ids().tolist() == left
    infos = [dataset.get_data_info(k) for k in range(len(dataset))]
    assert [i['instances'][0]['instance_id'] for i in infos] == left
    assert len(DATASETS.build(dict(config, test_mode=True))) == 3


def test_a_filter_that_leaves_no_crop_is_an_error(tmp_path):
    config = index_file(tmp_path, sizes=[[8, 16]] * 3)
    with pytest.raises(UserError, match='none of its 3 images can be used'):
        DATASETS.build(dict(config, filter_cfg=dict(min_size=9)))


def test_flipped_copies_follow_the_crops(tmp_path):
    config = dict(index_file(tmp_path, 2, **UNLIKE), flipped_copies=True)
    dataset = DATASETS.build(
        dict(config, filter_cfg=dict(filter_unlabelled=True))
    )
    infos = [dataset.get_data_info(k) for k in range(len(dataset))]
    assert [info['img_path'][-5:] for info in infos] == [
        'ä.png', 'c.png', 'ä.png', 'c.png'
    ]  # fmt: skip
    assert ['flipped_copy' in info for info in infos] == [False] * 2 + [
        True
    ] * 2
    assert dataset.get_person_ids().tolist() == [1, 0, 1, 0]
    subset = DATASETS.build(dict(config, indices=[4, 1]))
    assert ['flipped_copy' in subset.get_data_info(k) for k in (0, 1)] == [
        True,
        False,
    ]
