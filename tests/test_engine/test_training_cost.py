"""The estimated memory of a step is what a computed step takes."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmdet_ps.engine.fitting import Setting, fits, settings
from mmdet_ps.engine.random_batch import last_sizes, pictures_of, random_batch
from mmdet_ps.engine.training_cost import GIB, Cost, step_cost
from mmdet_ps.models.roi_heads.reid_head import SeparatedReIDHead
from mmdet_ps.structures.fields import UNLABELLED

CONFIGS = Path(__file__).parents[2] / 'configs'
THIN = sorted((CONFIGS / 'synthetic').glob('*_prw.py'))
HYBRID = sorted((CONFIGS / 'synthetic').glob('hybrid-pretrain_*.py'))
SMALL = dict(size=(192, 128), persons=5)


def thin(name):
    (path,) = (CONFIGS / 'synthetic').glob(name)
    return Config.fromfile(path)


def both(cfg, batch_size, precision='fp32'):
    """The cost of a step that is followed, and of one that is computed."""
    pictures = pictures_of(cfg, batch_size, **SMALL)
    return [
        step_cost(cfg, pictures, precision, stand_in_from)
        for stand_in_from in (2**18, None)
    ]


def check(estimate, computed):
    assert estimate.peak == pytest.approx(computed.peak, rel=0.15)
    assert estimate.flops == pytest.approx(computed.flops, rel=0.2)
    held = estimate.parameters + estimate.buffers + estimate.optimizer
    assert held < estimate.peak
    for name in ('parameters', 'buffers', 'gradients', 'optimizer'):
        assert getattr(estimate, name) == getattr(computed, name)


def test_estimate_of_nae():
    check(*both(thin('nae_r18*_prw.py'), 2))


@pytest.mark.slow
@pytest.mark.parametrize('path', THIN, ids=lambda path: path.stem)
def test_estimate_of_every_method(path):
    check(*both(Config.fromfile(path), 2))


@pytest.mark.slow
@pytest.mark.parametrize('path', HYBRID, ids=lambda path: path.stem)
def test_estimate_of_every_pretraining(path):
    check(*both(Config.fromfile(path), 4))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['nae_r18*_prw.py', 'alignps_r18*_prw.py'])
def test_estimate_in_mixed_precision(name):
    estimate, computed = both(thin(name), 2, 'bf16')
    check(estimate, computed)
    assert estimate.peak < both(thin(name), 2)[0].peak


def test_averaged_weights_and_accumulated_gradients_are_counted():
    plain = step_cost(thin('nae_r18*_prw.py'), pictures := small_pictures())
    cfg = thin('nae_r18*_prw.py')
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='EMAHook')]
    average = step_cost(cfg, pictures)
    extra = plain.parameters + plain.buffers
    assert average.peak == plain.peak + extra == plain.peak + average.average
    cfg = thin('nae_r18*_prw.py')
    cfg.optim_wrapper.accumulative_counts = 2
    accumulated = step_cost(cfg, pictures)
    # Their gradients live while the activations of a step do.
    assert plain.peak < accumulated.peak <= plain.peak + plain.gradients


def test_every_person_has_all_its_regions(monkeypatch):
    """As with a trained network: BSL trains on up to four of each."""
    numbers = []
    embed = SeparatedReIDHead.loss
    monkeypatch.setattr(
        SeparatedReIDHead,
        'loss',
        lambda self, feats, *rest: (
            numbers.append(len(feats)) or embed(self, feats, *rest)
        ),
    )
    estimate, computed = both(thin('bsl_r18*_prw.py'), 2)
    assert numbers == [2 * 5 * 4] * 2
    assert estimate.peak == pytest.approx(computed.peak, rel=0.15)


def small_pictures():
    return pictures_of(thin('nae_r18*_prw.py'), 2, **SMALL)


def test_pictures_are_the_largest_of_the_recipe():
    cfg = Config.fromfile(CONFIGS / 'alignps/alignps_r50_1xb4-24e_prw.py')
    (group,) = pictures_of(cfg)
    assert (group.number, group.width, group.height) == (4, 2000, 1200)
    (group,) = pictures_of(cfg, 1, (30, 20), 3)
    assert (group.number, group.width, group.height) == (1, 30, 20)


def test_the_last_step_to_scale_or_to_crop_counts():
    (path,) = CONFIGS.glob('seqnext/*_r50*_prw.py')
    (group,) = pictures_of(Config.fromfile(path))
    assert (group.width, group.height) == (640, 640)
    scenes, *_ = pictures_of(thin('*_five-sources.py'))
    assert (scenes.number, scenes.width, scenes.height) == (4, 304, 192)
    resize = dict(type='Resize', scale=(60, 40))
    crops = dict(
        type='RandomChoice',
        transforms=[
            [dict(type='RandomCrop', crop_size=(30, 20))],
            [resize, dict(type='RandomFlip')],
        ],
    )
    flip = dict(type='RandomFlip')
    relative = dict(
        type='RandomCrop', crop_size=(0.5, 0.5), crop_type='relative'
    )
    for pipeline, expected in (
        ([resize, crops, flip], [(30, 20), (60, 40)]),
        ([crops, resize], [(60, 40)]),
        ([resize, dict(type='MinIoURandomCrop')], [(60, 40)]),
        ([resize, relative], [(60, 40)]),
        ([flip], []),
    ):
        assert last_sizes(pipeline) == expected


def test_pictures_of_a_pretraining():
    (path,) = (CONFIGS / 'hybrid_pretrain').glob('*_nae-*.py')
    cfg = Config.fromfile(path)
    scenes, crops = pictures_of(cfg)
    # Three scenes in two views.
    assert (scenes.number, scenes.width, scenes.height) == (6, 1333, 800)
    assert (crops.number, crops.width, crops.height) == (5, 512, 512)
    assert (scenes.branch, crops.branch) == ('det', 'reid')
    assert crops.persons == 8
    sampler = cfg.train_dataloader.sampler
    # The larger of two kinds of batch, in either order; shares that do not
    # come out even make some batches larger than others.
    for ratio, number in (
        ([[1, 0, 0, 1, 2, 4], [4, 0, 0, 4, 0, 0]], 8),
        ([[4, 0, 0, 4, 0, 0], [1, 0, 0, 1, 2, 4]], 8),
        ([1.5, 1, 0.5, 2, 2, 1], 8),
    ):
        sampler.source_ratio = ratio
        assert pictures_of(cfg)[0].number == number
    batch = random_batch(pictures_of(cfg, 8, (64, 48), 4), 9)
    # Both views of a picture have its place in the batch.
    samples = zip(
        *[batch['data_samples'][name] for name in ('det', 'det_second_view')]
    )
    views = [[s.gt_instances for s in pair] for pair in samples if any(pair)]
    assert len(views) == 3
    for first, second in views:
        assert first.bboxes.equal(second.bboxes)
        assert first.person_ids.unique().tolist() == [UNLABELLED]


def test_settings_keep_the_pictures_of_a_step():
    cfg = thin('nae_r18*_prw.py')
    found = list(settings(cfg, 'fp32', 4))
    assert str(found[0]) == 'as it is'
    assert str(found[1]) == '--amp fp16'
    assert str(found[2]) == '--cfg-options model.backbone.with_cp=True'
    assert all(s.batch_size * s.accumulate >= 4 for s in found)
    assert found[-1].batch_size == 1
    assert found[-1].cfg.optim_wrapper.accumulative_counts == 4
    assert 'accumulative_counts' not in cfg.optim_wrapper


def test_checkpointing_saves_memory():
    cfg = thin('nae_r18*_prw.py')
    plain = Setting(cfg, 'fp32', 2, False).cost(**SMALL)
    saved = Setting(cfg, 'fp32', 2, True).cost(**SMALL)
    assert saved.peak < plain.peak


def test_a_card_needs_more_than_the_peak():
    cost = Cost(10 * GIB, *[0] * 6)
    assert fits(cost, 11.5) and not fits(cost, 11)
