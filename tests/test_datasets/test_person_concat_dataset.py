"""Hybrid loading: identities disjoint, branches and sources intact."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner

import mmdet_ps  # noqa: F401
from mmdet_ps.datasets.native import find_form
from mmdet_ps.datasets.native.prepare import prepare
from mmdet_ps.datasets.person_concat_dataset import LeakError

from . import native_trees as trees
from .crops import crop_config

init_default_scope('mmdet')


def concat(tmp_path, **options):
    return DATASETS.build(
        dict(
            type='PersonConcatDataset',
            datasets=[
                crop_config(tmp_path / 'a', [2, 1], name='a'),
                dict(
                    type='CropMosaicDataset',
                    dataset=crop_config(tmp_path / 'b', [1] * 5, name='b'),
                    pipeline=[],
                    grid=(1, 2),
                    tile_size=(8, 8),
                ),
                crop_config(tmp_path / 'c', [1, 1], name='c'),
            ],
            **options,
        )
    )


def test_identities_of_the_sources_do_not_collide(tmp_path):
    dataset = concat(tmp_path)
    meta = dataset.metainfo
    assert meta['num_identities'] == 9
    assert meta['identity_offsets'] == [0, 2, 7]
    assert meta['sources'] == meta['source_datasets'] == ['a', 'b', 'c']
    seen = [set(), set(), set()]
    for k in range(len(dataset)):
        source = dataset.get_dataset_source(k)
        item = dataset[k]
        ids = item.get('gt_instances_ids')
        if ids is None:
            ids = [i['instance_id'] for i in item['instances']]
        seen[source].update(int(i) for i in ids)
    assert seen == [{0, 1}, {2, 3, 4, 5, 6}, {7, 8}]


def test_the_sum_is_held_against_the_config(tmp_path):
    with pytest.raises(ValueError, match='write 9 there'):
        concat(tmp_path, num_identities=8)


def test_a_source_with_test_persons_is_refused(tmp_path):
    source = crop_config(tmp_path, [1, 1], name='cuhk-sysu-crops')
    config = dict(type='PersonConcatDataset', datasets=[source])
    with pytest.raises(LeakError, match='2900 test persons'):
        DATASETS.build(config)
    assert len(DATASETS.build(dict(config, targets=['prw']))) == 2
    assert len(DATASETS.build(dict(config, allow_leaks=True))) == 2


def hybrid_loader(root, monkeypatch, seed=3):
    monkeypatch.setenv('DATA_ROOT', str(root))
    cfg = Config.fromfile('configs/_base_/datasets/pretrain_six-sources.py')
    loader = cfg.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.sampler.source_ratio = [4, 2, 2]
    crowdhuman, _, _, market1501, msmt17, _ = loader.dataset.datasets
    loader.dataset.datasets = [crowdhuman, market1501, msmt17]
    loader.dataset.num_identities = None  # the number of the real sets
    for source in loader.dataset.datasets[1:]:
        # Two identities a set: one crop of each on a canvas.
        source.update(grid=(1, 2), num_instances=1)
    return Runner.build_dataloader(loader, seed=seed)


@pytest.fixture
def sources(tmp_path):
    for name, build, folder in (
        ('crowdhuman', trees.crowdhuman, 'CrowdHuman'),
        ('market1501', trees.market1501, 'Market-1501-v15.09.15'),
        ('msmt17', trees.msmt17, 'MSMT17_V1'),
    ):
        prepare(find_form(name), build(tmp_path / folder))
    return tmp_path


def test_hybrid_batches_keep_ids_sources_and_branches(sources, monkeypatch):
    loader = hybrid_loader(sources, monkeypatch)
    batch = next(iter(loader))
    samples = batch['data_samples']
    detection = [s for s in samples['det'] if s is not None]
    reid = [s for s in samples['reid'] if s is not None]
    assert [s.source for s in detection] == ['crowdhuman'] * 4
    assert [s.source for s in reid] == ['market1501'] * 2 + ['msmt17'] * 2
    for sample in detection:
        assert (sample.gt_instances.person_ids == -1).all()
    for sample in reid:
        ids = set(sample.gt_instances.person_ids.tolist())
        assert ids <= ({0, 1} if sample.source == 'market1501' else {2, 3})
        assert len(sample.gt_instances) == 2
    assert loader.dataset.metainfo['num_identities'] == 4


def test_hybrid_order_depends_on_the_seed_alone(sources, monkeypatch):
    def images(seed, other):
        np.random.seed(other)
        loader = hybrid_loader(sources, monkeypatch, seed)
        stream = iter(loader)
        return [
            [s.img_id for s in next(stream)['data_samples']['reid'] if s]
            for _ in range(6)
        ]

    assert images(3, 1) == images(3, 2)
    assert images(3, 1) != images(4, 1)
