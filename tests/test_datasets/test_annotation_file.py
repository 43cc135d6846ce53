"""Annotation files that somebody else wrote: loaded, or one clear line."""

import json
import random

import mmdet.datasets  # noqa: F401  # before the tests, see conftest.py
import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

import mmdet_ps  # noqa: F401
from mmdet_ps.datasets.annotation_file import load_annotations
from mmdet_ps.datasets.crop_index import CropIndex
from mmdet_ps.utils.errors import UserError

from . import native_trees as trees
from .mutations import damage_file

init_default_scope('mmdet')
COUNT = 600


def coco_document():
    annotations = [
        dict(image_id=5, bbox=[10, 10, 20, 50], person_id=0, category_id=1),
        dict(image_id=5, bbox=[40, 10, 20, 50], person_id=1, category_id=1),
        dict(image_id=6, bbox=[10, 10, 20, 50], person_id=0, category_id=1),
    ]
    return dict(
        images=[
            dict(id=5, file_name='a.jpg', width=200, height=100),
            dict(id=6, file_name='b.jpg', width=200, height=100),
        ],
        annotations=annotations,
        categories=[dict(id=1, name='person')],
    )


def prepared_document():
    instances = [
        dict(bbox=[10, 10, 30, 60], ignore_flag=0, instance_id=0),
        dict(bbox=[40, 10, 60.5, 60], ignore_flag=1, instance_id=-1),
    ]
    entries = [
        dict(img_id=k, img_path=name, width=200, height=100,
             instances=instances)
        for k, name in enumerate(('a.jpg', 'b.jpg'))
    ]  # fmt: skip
    metainfo = dict(dataset='x', source='x', num_identities=1)
    return dict(metainfo=metainfo, data_list=entries)


def crop_document():
    document = prepared_document()
    for entry in document['data_list']:
        entry['instances'] = [dict(instance_id=0)]
    return document


def write(folder, document, name='train.json'):
    for image in ('a.jpg', 'b.jpg'):
        if not (folder / image).is_file():
            trees.save_image(folder / image)
    (folder / name).write_text(json.dumps(document))
    return folder / name


def index_document(folder):
    crops = CropIndex.build(
        ['a.jpg', 'b.jpg'], [0, 0], [[200, 100], [200, 100]]
    )
    metainfo = dict(source='x', num_identities=1)
    return dict(metainfo=metainfo, crops=crops.save(folder, 'train'))


def build(path, kind='PersonSearchDataset', **options):
    return DATASETS.build(
        dict(
            type=kind,
            ann_file=str(path),
            data_root=str(path.parent),
            data_prefix=dict(img=''),
            **options,
        )
    )


FORMS = {
    'coco': ('PersonSearchDataset', lambda folder: coco_document()),
    'prepared': ('PersonSearchDataset', lambda folder: prepared_document()),
    'crops': ('ReIDCropDataset', lambda folder: crop_document()),
    'index': ('ReIDCropDataset', index_document),
}


@pytest.mark.parametrize('form', FORMS)
def test_every_mutation_loads_or_is_one_line(form, tmp_path):
    kind, make = FORMS[form]
    write(tmp_path, make(tmp_path))
    files = [p for p in sorted(tmp_path.iterdir()) if p.suffix != '.jpg']
    contents = {path: path.read_bytes() for path in files}
    loaded = 0
    for seed in range(COUNT):
        rng = random.Random(f'{form}{seed}')
        path = rng.choice(files)
        what = f'{path.name}: {damage_file(path, rng)}'
        try:
            dataset = build(tmp_path / 'train.json', kind)
            for k in range(len(dataset)):
                dataset.get_data_info(k)
            loaded += 1
        except (UserError, FileNotFoundError) as error:
            assert str(tmp_path) in str(error), what
        except Exception as error:
            raise AssertionError(f'seed {seed}: {what}') from error
        path.write_bytes(contents[path])
    assert 20 < loaded < COUNT - 100


def edited(change, document=None):
    document = document or coco_document()
    change(document)
    return document


@pytest.mark.parametrize(('change', 'words'), [
    (lambda d: d['annotations'][1].pop('bbox'),
     r'annotations\[1\].bbox is missing'),
    (lambda d: d['annotations'][2].update(bbox=[1, 2, 'x', 4]),
     r'annotations\[2\].bbox is no box of 4 numbers'),
    (lambda d: d['annotations'][0].update(bbox=[1, 2, float('nan'), 4]),
     r'annotations\[0\].bbox is no box of 4 numbers'),
    (lambda d: d['images'][1].pop('file_name'),
     r'images\[1\].file_name is missing'),
    (lambda d: d['images'][1].update(id=5), r'images\[1\] repeats the id 5'),
    (lambda d: d['annotations'][1].update(image_id=7),
     r'annotations\[1\] belongs to no image .image_id 7'),
    (lambda d: d['annotations'][1].update(person_id='p3'),
     r"annotations\[1\].person_id is no number: 'p3'"),
    (lambda d: d['annotations'][1].update(person_id=2**70),
     r'annotations\[1\].person_id is no whole number of 64 bits'),
    (lambda d: d.update(annotations=[3]), r'annotations\[0\] is no object: 3'),
    (lambda d: d.update(images={}), r'images is no list'),
])  # fmt: skip
def test_a_faulty_entry_is_named(tmp_path, change, words):
    path = write(tmp_path, edited(change))
    with pytest.raises(UserError, match=words) as caught:
        build(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize('key', ['height', 'width'])
@pytest.mark.parametrize('make', [coco_document, prepared_document])
def test_a_missing_size_is_read_from_the_picture(tmp_path, make, key):
    document = make()
    for image in document.get('images') or document['data_list']:
        del image[key]
    info = build(write(tmp_path, document)).get_data_info(1)
    assert (info['width'], info['height']) == (200, 100)


def test_no_identity_is_an_unlabelled_person(tmp_path):
    document = edited(lambda d: d['annotations'][1].update(person_id=None))
    document['annotations'][2].pop('person_id')
    dataset = build(write(tmp_path, document))
    ids = [
        instance['instance_id']
        for k in range(2)
        for instance in dataset.get_data_info(k)['instances']
    ]
    assert ids == [0, -1, -1]


@pytest.mark.parametrize('name', ['a_é.jpg', 'a_人.jpg'])
@pytest.mark.parametrize('coding', ['utf-8', 'utf-8-sig'])
def test_texts_are_utf8_in_any_locale(tmp_path, name, coding, monkeypatch):
    document = edited(lambda d: d['images'][0].update(file_name=name))
    path = write(tmp_path, document)
    trees.save_image(tmp_path / name)
    path.write_bytes(json.dumps(document, ensure_ascii=False).encode(coding))
    monkeypatch.setattr('locale.getpreferredencoding', lambda *_: 'ascii')
    assert load_annotations(str(path))[1][0]['img_path'] == name


def test_boxes_of_other_categories_are_left_out(tmp_path):
    def add(document):
        document['categories'].append(dict(id=3, name='car'))
        document['annotations'][1]['category_id'] = 3

    dataset = build(write(tmp_path, edited(add)))
    assert len(dataset.get_data_info(0)['instances']) == 1
    path = write(
        tmp_path,
        edited(lambda d: (add(d), d['annotations'][0].pop('category_id'))),
    )
    with pytest.raises(UserError, match=r'\[0\].category_id is missing'):
        build(path)


@pytest.mark.parametrize('make', [coco_document, prepared_document])
def test_boxes_without_area_are_dropped_with_a_count(
    tmp_path, make, monkeypatch
):
    warnings = []
    monkeypatch.setattr(
        'mmdet_ps.datasets.person_search_dataset.print_log',
        lambda message, **_: warnings.append(message),
    )
    document = make()
    if 'images' in document:
        boxes = [[10, 10, 0, 50], [300, 10, 20, 50]]
        for row, box in zip(document['annotations'], boxes):
            row['bbox'] = box
        left = 0
    else:
        document['data_list'][0]['instances'] = [
            dict(bbox=[10, 10, 10, 60], instance_id=0),
            dict(bbox=[30, 10, 10, 60], instance_id=0),
        ]
        left = 0
    dataset = build(write(tmp_path, document))
    assert len(dataset.get_data_info(0)['instances']) == left
    assert len(dataset.get_data_info(1)['instances']) > 0
    (warning,) = warnings
    assert 'left out 2 boxes without area in their image' in warning
    assert 'a.jpg [10, 10, 10, 60]' in warning


def renamed(ids, document=None):
    document = document or coco_document()
    for row, person_id in zip(document['annotations'], ids):
        row['person_id'] = person_id
    return document


@pytest.mark.parametrize('ids', [(1, 2, 3), (0, 2, 5), (0, 7, -1)])
def test_identities_out_of_range_are_an_error_in_training(tmp_path, ids):
    path = write(tmp_path, renamed(ids))
    known = sorted({i for i in ids if i >= 0})
    words = (
        f'its {len(known)} identities run from {known[0]} to {known[-1]} '
        f'.the file has no num_identities., training needs 0 to '
        f'{len(known) - 1}'
    )
    with pytest.raises(UserError, match=words):
        build(path)
    assert len(build(path, test_mode=True)) == 2  # raw numbers of a test set
    dataset = build(path, renumber_identities=True)
    assert dataset.metainfo['num_identities'] == len(known)
    loaded = [
        instance['instance_id']
        for k in range(2)
        for instance in dataset.get_data_info(k)['instances']
    ]
    assert loaded == [known.index(i) if i >= 0 else -1 for i in ids]


@pytest.mark.parametrize('kind', ['PersonSearchDataset', 'ReIDCropDataset'])
def test_more_identities_than_announced_are_an_error(tmp_path, kind):
    document = crop_document()
    document['data_list'][1]['instances'][0]['instance_id'] = 4
    path = write(tmp_path, document)
    words = 'run from 0 to 4 .the file has num_identities=1.'
    with pytest.raises(UserError, match=words):
        build(path, kind)
    dataset = build(path, kind, renumber_identities=True)
    assert dataset.metainfo['num_identities'] == 2


def test_sources_of_test_sets_do_not_merge(tmp_path):
    folders = [tmp_path / name for name in 'ab']
    sources = []
    for folder in folders:
        folder.mkdir()
        path = write(folder, renamed((1, 2, 3)))
        sources.append(
            dict(
                type='PersonSearchDataset',
                ann_file=str(path),
                data_root=str(folder),
                data_prefix=dict(img=''),
                test_mode=True,
            )
        )
    concat = DATASETS.build(dict(type='PersonConcatDataset', datasets=sources))
    ids = [
        {
            instance['instance_id']
            for k in range(2)
            for instance in source.get_data_info(k)['instances']
        }
        for source in concat.datasets
    ]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize('cfg', [
    dict(filter_unlabelled=True),
    dict(filter_empty_gt=True),
    dict(min_size=5000),
])  # fmt: skip
def test_a_filter_that_leaves_nothing_is_an_error(tmp_path, cfg):
    document = coco_document()
    for row in document['annotations']:
        row.update(iscrowd=1, person_id=-1)
    path = write(tmp_path, document)
    with pytest.raises(UserError, match='none of its 2 images can be used'):
        build(path, filter_cfg=cfg)


@pytest.mark.parametrize('kind', ['PersonSearchDataset', 'ReIDCropDataset'])
@pytest.mark.parametrize('test_mode', [True, False])
def test_a_file_without_images_is_an_error(tmp_path, kind, test_mode):
    document = dict(crop_document(), data_list=[])
    path = write(tmp_path, document)
    with pytest.raises(UserError, match='names no (image|crop)'):
        build(path, kind, test_mode=test_mode)


def test_numbers_of_an_index_are_renumbered(tmp_path):
    crops = CropIndex.build(['a.jpg', 'b.jpg', 'a.jpg'], [9, -1, 4])
    document = dict(
        metainfo=dict(source='x'), crops=crops.save(tmp_path, 'train')
    )
    path = write(tmp_path, document)
    with pytest.raises(UserError, match='run from 4 to 9'):
        build(path, 'ReIDCropDataset')
    dataset = build(path, 'ReIDCropDataset', renumber_identities=True)
    assert dataset.get_person_ids().tolist() == [1, -1, 0]
    assert isinstance(np.asarray(dataset.crops.names), np.ndarray)
