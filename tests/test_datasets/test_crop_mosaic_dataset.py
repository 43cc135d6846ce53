"""Mosaics: every crop in its turn, boxes around the right pixels."""

from collections import Counter

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

import mmdet_ps  # noqa: F401

from .crops import crop_config

init_default_scope('mmdet')


def mosaic(tmp_path, per_identity, **options):
    options.setdefault('pipeline', [])
    return DATASETS.build(
        dict(
            type='CropMosaicDataset',
            dataset=crop_config(tmp_path, per_identity),
            tile_size=(32, 16),
            **options,
        )
    )


@pytest.mark.parametrize('scale_range', [(1.0, 1.0), (0.5, 0.9)])
def test_each_box_surrounds_the_crop_of_its_identity(tmp_path, scale_range):
    dataset = mosaic(tmp_path, [3, 1, 4], grid=(2, 3), scale_range=scale_range)
    results = dataset[0]
    assert results['img'].shape == (64, 48, 3)
    covered = np.zeros((64, 48), bool)
    for box, person_id in zip(
        results['gt_bboxes'].tensor.int().numpy(), results['gt_instances_ids']
    ):
        x1, y1, x2, y2 = box
        # The images are BGR; green tells the identity.
        assert (results['img'][y1:y2, x1:x2, 1] == person_id).all()
        covered[y1:y2, x1:x2] = True
    assert (results['img'][~covered] == dataset.fill).all()
    if scale_range == (1.0, 1.0):
        assert covered.all()


def test_a_round_shows_every_crop_once(tmp_path):
    dataset = mosaic(tmp_path, [5, 4, 3], grid=(2, 2), num_rounds=3)
    assert len(dataset) == 9
    rounds = [
        [dataset.crops_of(turn * 3 + k) for k in range(3)] for turn in range(3)
    ]
    for canvases in rounds:
        shown = Counter(crop for crops in canvases for crop in crops)
        assert shown == Counter(range(12))
    assert rounds[0] != rounds[1]


def test_groups_of_one_identity(tmp_path):
    dataset = mosaic(tmp_path, [4, 1, 7, 3], grid=(2, 2), num_instances=2)
    for k in range(len(dataset)):
        ids = dataset[k]['gt_instances_ids']
        assert ids[0] == ids[1] != ids[2] == ids[3]


def test_an_index_always_shows_the_same(tmp_path):
    config = crop_config(tmp_path, [6, 6])
    build = dict(
        type='CropMosaicDataset',
        dataset=config,
        tile_size=(32, 16),
        scale_range=(0.5, 1.0),
    )
    one, other = DATASETS.build(build), DATASETS.build(build)
    np.random.seed(1)
    first = one[5]
    np.random.seed(2)
    assert (first['img'] == other[5]['img']).all()
    different = DATASETS.build(dict(build, seed=1))
    assert any(one.crops_of(k) != different.crops_of(k) for k in range(9))


def test_a_canvas_that_the_pipeline_gives_up_is_made_up_for(tmp_path):
    """Transforms return None where they leave nobody in a picture."""
    drop = [lambda results: results if results['img_id'] % 3 == 1 else None]
    dataset = mosaic(
        tmp_path, [4, 4], grid=(2, 2), num_rounds=3, pipeline=drop
    )
    assert [dataset[k]['img_id'] for k in range(6)] == [1, 1, 4, 4, 4, 1]
    dataset.pipeline = lambda results: None
    with pytest.raises(ValueError, match='drops all persons'):
        dataset[0]


def test_a_grid_that_groups_do_not_fill_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='make it divide'):
        mosaic(tmp_path, [6], grid=(3, 3), num_instances=2)
    with pytest.raises(ValueError, match='smaller grid'):
        mosaic(tmp_path / 'few', [3], grid=(2, 2))
