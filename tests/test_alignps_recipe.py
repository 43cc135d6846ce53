"""The published training recipes, as the optimiser and schedule see them."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.optim.scheduler import LinearLR
from mmengine.registry import DefaultScope

from tests.test_models.tiny_alignps import tiny_model

CONFIGS = Path(__file__).parents[1] / 'configs'
ALIGNPS = 'alignps/alignps_r50_1xb4-24e_'
PLUS = 'alignps/alignps-plus_r50-dcn_1xb4-24e_'
ROI = 'roi_alignps/roi-alignps_r50_1xb5-24e_'
# Learning rate, weight decay, norm of the gradient, images per step, first
# step of the full rate.
RECIPES = {
    ALIGNPS + 'cuhk-sysu': (1e-3, 1e-4, 35, 4, 500),
    PLUS + 'cuhk-sysu': (1e-3, 1e-4, 35, 4, 500),
    ALIGNPS + 'prw': (1e-3, 1e-3, 35, 4, 500),
    PLUS + 'prw': (1e-3, 7e-4, 35, 4, 500),
    ROI + 'cuhk-sysu': (1.5e-3, 5e-4, 10, 5, 1141),
    ROI + 'prw': (1.5e-3, 5e-4, 10, 5, 1141),
}


def config(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.mark.parametrize('name', RECIPES)
def test_numbers(name):
    cfg = config(name)
    rate, decay, clip, images, warm = RECIPES[name]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.momentum) == ('SGD', 0.9)
    assert (optimizer.lr, optimizer.weight_decay) == (rate, decay)
    assert cfg.optim_wrapper.clip_grad.max_norm == clip
    assert cfg.train_dataloader.batch_size == images
    assert cfg.auto_scale_lr.base_batch_size == images
    warm_up, drops = cfg.param_scheduler
    assert drops.milestones == [16, 22]
    assert cfg.train_cfg.max_epochs == 24
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    options = {k: v for k, v in warm_up.items() if k != 'type'}
    schedule = LinearLR(sgd, **options)
    start = 1 / 200 if 'roi' in name else 1 / 3
    for step in range(warm + 2):
        share = min(step / warm, 1)
        expected = rate * (start + (1 - start) * share)
        assert sgd.param_groups[0]['lr'] == pytest.approx(expected)
        sgd.step()
        schedule.step()


@pytest.mark.parametrize(
    'name, ids, queue, known, strangers, normalized, reduction, triplet',
    [
        ('alignps_cuhk-sysu', 5532, 5000, 10, 10, False, 'positives', True),
        ('alignps_prw', 483, 500, 15, 10, True, 'positives', False),
        ('roi_cuhk-sysu', 5532, 5000, 10, 10, False, 'labelled', True),
        ('roi_prw', 483, 500, 10, 10, False, 'labelled', True),
    ],
)
def test_identity_losses(
    name, ids, queue, known, strangers, normalized, reduction, triplet
):
    family, dataset = name.split('_')
    model = config((ALIGNPS if family == 'alignps' else ROI) + dataset).model
    loss = model.bbox_head.loss_reid
    assert (loss.num_identities, loss.queue_size) == (ids, queue)
    assert loss.temperature == known
    assert loss.get('queue_temperature', known) == strangers
    assert loss.memory.get('normalize_table', False) == normalized
    assert (loss.gamma, loss.memory.queue_dims) == (2, 64)
    assert loss.reduction == reduction
    assert bool(model.bbox_head.loss_reid_triplet) == triplet
    if family == 'roi':
        loss = model.roi_head.loss_reid
        assert (loss.num_identities, loss.queue_size) == (ids, queue)
        assert (loss.temperature, loss.memory.normalize_table) == (30, True)
        assert 'gamma' not in loss and 'queue_dims' not in loss.memory


def parameter_groups(model, name):
    with DefaultScope.overwrite_default_scope('mmdet'):
        wrapper = build_optim_wrapper(model, config(name).optim_wrapper)
    groups = {}
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            groups[id(parameter)] = (group['lr'], group['weight_decay'])
    return {
        key: groups[id(parameter)]
        for key, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def test_biases_of_alignps_as_under_mmcv_1():
    groups = parameter_groups(tiny_model(plain=False), ALIGNPS + 'cuhk-sysu')
    for key, (rate, decay) in groups.items():
        plain_bias = key.endswith('.bias') and not any(
            part in key for part in ('.bn', '.gn', 'conv_offset', 'downsample')
        )
        assert rate == (2e-3 if plain_bias else 1e-3), key
        assert decay == (0 if plain_bias else 1e-4), key


def test_roi_alignps_treats_all_parameters_alike():
    groups = parameter_groups(tiny_model(roi=True), ROI + 'prw')
    assert set(groups.values()) == {(1.5e-3, 5e-4)}


@pytest.mark.parametrize('name', RECIPES)
def test_images_and_thresholds(name):
    cfg = config(name)
    resize = cfg.train_dataloader.dataset.pipeline[2]
    assert resize.type == 'RandomChoiceResize'
    assert resize.scales == [
        (667, 400),
        (1000, 600),
        (1333, 800),
        (1500, 900),
        (1666, 1000),
        (2000, 1200),
    ]
    assert cfg.test_dataloader.dataset.pipeline[1].scale == (1500, 900)
    assert cfg.model.data_preprocessor.mean == [103.53, 116.28, 123.675]
    assert not cfg.model.data_preprocessor.bgr_to_rgb
    test = cfg.model.test_cfg
    assert (test.nms_pre, test.score_thr, test.max_per_img) == (
        1000,
        0.05,
        100,
    )
    assert test.nms == dict(type='nms', iou_threshold=0.5)
