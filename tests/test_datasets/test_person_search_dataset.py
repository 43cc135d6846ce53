"""The dataset and its pipelines, on prepared trees and on COCO-style files."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

import mmdet_ps  # noqa: F401
from mmdet_ps.datasets import PersonSearchDataset
from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.utils.command_line import one_line
from mmdet_ps.utils.errors import UserError

from . import native_trees as trees


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet')


def from_config(name, data, monkeypatch, stage='train', **override):
    monkeypatch.setenv('DATA_ROOT', str(data))
    cfg = Config.fromfile(f'configs/_base_/datasets/{name}.py')
    options = dict(cfg[f'{stage}_dataloader'].dataset, **override)
    options.pop('type')
    return PersonSearchDataset(**options)


@pytest.fixture
def prw(tmp_path):
    prepare(find_form('prw'), trees.prw(tmp_path / 'PRW'))
    return tmp_path


def test_training_boxes_follow_the_resize(prw, monkeypatch):
    dataset = from_config('prw', prw, monkeypatch)
    assert dataset.metainfo['num_identities'] == 4
    assert dataset.metainfo['source'] == 'prw'
    assert dataset.metainfo['classes'] == ('person',)
    for packed in dataset:
        sample = packed['data_samples']
        scale = torch.tensor(sample.scale_factor * 2)
        first = sample.gt_instances.bboxes[0] / scale
        if sample.flip:
            first[[0, 2]] = 200 - first[[2, 0]]
        instances = json.loads((prw / 'PRW/prepared/train.json').read_text())[
            'data_list'
        ][sample.img_id]['instances']
        want = torch.tensor(instances[0]['bbox']).float().clamp(min=0)
        assert torch.allclose(first, want, atol=0.01)
        assert sample.gt_instances.person_ids.dtype == torch.int64
        assert sample.gt_instances.person_ids.tolist() == [
            i['instance_id'] for i in instances
        ]
        assert sample.source == 'prw'


def test_test_boxes_stay_in_original_pixels(prw, monkeypatch):
    dataset = from_config('prw', prw, monkeypatch, 'test')
    sample = dataset[0]['data_samples']
    assert sample.img_shape == (750, 1500)
    assert sample.ori_shape == (100, 200)
    assert sample.gt_instances.bboxes.tolist() == [
        [10, 5, 40, 65], [60, 5, 90, 65]]  # fmt: skip
    assert sample.gt_instances.person_ids.tolist() == [933, 1]


def test_ignore_regions_become_ignored_instances(tmp_path, monkeypatch):
    prepare(find_form('crowdhuman'), trees.crowdhuman(tmp_path / 'CrowdHuman'))
    dataset = from_config('crowdhuman', tmp_path, monkeypatch)
    batch = pseudo_collate([dataset[0], dataset[1]])
    for sample in batch['data_samples']:
        assert len(sample.gt_instances) == len(sample.ignored_instances) == 1
        assert sample.gt_instances.person_ids.tolist() == [-1]


def test_images_without_persons_are_dropped_in_training(tmp_path, monkeypatch):
    root = trees.posetrack21(tmp_path / 'PoseTrack21')
    prepare(find_form('posetrack21'), root)
    assert len(from_config('posetrack21', tmp_path, monkeypatch)) == 2
    assert len(from_config('posetrack21', tmp_path, monkeypatch, 'test')) == 3


def coco_file(tmp_path, ids):
    trees.save_image(tmp_path / 'images/a.jpg')
    annotations = [
        dict(image_id=5, bbox=[10, 10, 20, 50], person_id=person_id, id=k)
        for k, person_id in enumerate(ids)
    ]
    document = dict(
        images=[dict(id=5, file_name='a.jpg', width=200, height=100)],
        annotations=annotations,
        categories=[dict(id=1, name='person')],
    )
    path = tmp_path / 'coco.json'
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(('ids', 'loaded', 'count'), [
    ([1, -1, 0], [1, -1, 0], 2),  # a training file
    ([933, -2, 1], [933, -1, 1], 0),  # a test file: raw ids
])  # fmt: skip
def test_coco_style_files_load_as_they_are(tmp_path, ids, loaded, count):
    dataset = PersonSearchDataset(
        ann_file=str(coco_file(tmp_path, ids)),
        data_prefix=dict(img=str(tmp_path / 'images')),
        test_mode=count == 0,
    )
    info = dataset.get_data_info(0)
    assert [i['instance_id'] for i in info['instances']] == loaded
    assert info['instances'][0]['bbox'] == [10, 10, 30, 60]
    assert dataset.metainfo['num_identities'] == count


def test_a_wrong_number_of_identities_is_an_error(prw, monkeypatch):
    with pytest.raises(ValueError, match='write 4 there'):
        from_config('prw', prw, monkeypatch, num_identities=483)


def test_a_wrong_image_folder_shows_at_the_start(prw, monkeypatch):
    with pytest.raises(FileNotFoundError, match='set data_root'):
        from_config('prw', prw, monkeypatch, data_prefix=dict(img='elsewhere'))


def test_a_missing_annotation_file_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match='tools/prepare_data.py'):
        PersonSearchDataset(ann_file=str(tmp_path / 'train.json'))


@pytest.mark.parametrize('content', [b'', b'no picture', None])
@pytest.mark.parametrize('workers', [0, 1])
def test_an_image_that_cannot_be_read_is_named(
    prw, monkeypatch, content, workers
):
    dataset = from_config('prw', prw, monkeypatch)
    path = Path(dataset.get_data_info(0)['img_path'])
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    loader = DataLoader(
        dataset, num_workers=workers, collate_fn=pseudo_collate
    )
    with pytest.raises((UserError, FileNotFoundError)) as error:
        list(loader)
    line = one_line(error.value)
    assert path.name in line and 'Traceback' not in line


def test_other_errors_of_the_pipeline_stay_what_they_are(prw, monkeypatch):
    dataset = from_config('prw', prw, monkeypatch)

    def broken(results):
        raise ZeroDivisionError

    dataset.pipeline.transforms.append(broken)
    with pytest.raises(ZeroDivisionError):
        dataset[0]
