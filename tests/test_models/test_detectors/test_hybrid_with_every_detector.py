"""Hybrid pre-training around each of the package's detectors."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from mmdet_ps.models.forward_capture import (
    capture_forward,
    identity_loss_names,
)
from mmdet_ps.structures.fields import UNLABELLED
from tests.tiny_search_detector import branch_batch, make_sample

ROOT = Path(__file__).parents[3]
# Of two views the batches here would be single ones.
CONFIGS = [
    path
    for path in sorted(ROOT.glob('configs/synthetic/hybrid-pretrain_*.py'))
    if 'two-views' not in path.stem
]
SHAPE = (96, 128)
PERSONS = [[10, 10, 40, 80], [70, 20, 100, 90]]


def build(path, seed=0):
    init_default_scope('mmdet')
    torch.manual_seed(seed)
    model = MODELS.build(Config.fromfile(path).model)
    model.init_weights()
    return model


def scene(source, boxes=PERSONS):
    return make_sample(boxes, [UNLABELLED] * len(boxes), source, SHAPE)


def crops(source, person_ids):
    return make_sample(PERSONS, person_ids, source, SHAPE)


def batches():
    full = branch_batch(
        det=[scene('crowdhuman'), scene('crowdhuman-2')],
        reid=[crops('market1501', [3, 5]), crops('msmt17', [300, 301])],
    )
    poor = branch_batch(
        det=[scene('crowdhuman', [])],
        reid=[crops('msmt17', [UNLABELLED, UNLABELLED])],
    )
    return full, poor


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_rich_and_poor_batches_train(path):
    model = build(path)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
    for batch in batches():
        log = model.train_step(batch, optimizer)
        assert all(torch.isfinite(value).all() for value in log.values())
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_crops_reach_every_identity_loss(path):
    model = build(path)
    data = model.data_preprocessor(batches()[0], training=True)
    with capture_forward(model.detector) as captured:
        losses = model.loss(data['inputs'], data['data_samples'])
    # Ids as a detector alone would see them, each crop among them.
    names = identity_loss_names(model.detector)
    ids = torch.cat([captured.rows(name).person_ids for name in names])
    assert set(ids.tolist()) <= {-2, -1, 3, 5, 300, 301}
    assert {3, 5, 300, 301} <= set(ids.tolist())
    for key, level in model.alignment.levels.items():
        if key.startswith('reid_instance'):
            assert (level.queue.filled > 0).all(), key
    reid = [k for k in losses if k.startswith('reid_') and 'domain' not in k]
    assert {key.removeprefix('reid_') for key in reid} == set(
        model.detector.reid_keys
    )


@pytest.mark.slow
def test_pretraining_and_scratch_share_their_random_start():
    path = next(path for path in CONFIGS if 'nae' in path.stem)
    wrapped = build(path, seed=7)
    torch.manual_seed(7)
    detector = Config.fromfile(path).model.detector
    detector.roi_head.loss_reid.update(num_identities=60, queue_size=64)
    alone = MODELS.build(detector)
    alone.init_weights()
    ours = wrapped.detector.state_dict()
    for key, value in alone.state_dict().items():
        if value.shape == ours[key].shape:
            assert torch.equal(value, ours[key]), key


@pytest.mark.slow
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_what_is_added_up_is_a_loss(path):
    model = build(path)
    for batch in batches():
        data = model.data_preprocessor(batch, training=True)
        losses = model.loss(data['inputs'], data['data_samples'])
        _, log = model.parse_losses(losses)
        assert any('domain_acc' in key for key in log)
        for key, value in log.items():
            assert ('loss' in key) == value.requires_grad, key


REAL = sorted(ROOT.glob('configs/hybrid_pretrain/hybrid-pretrain_*.py'))


@pytest.mark.parametrize('path', REAL, ids=lambda path: path.stem)
def test_pretraining_inherits_no_slip_of_published_models(path):
    def parts_of(config):
        if isinstance(config, dict):
            yield config
            config = list(config.values())
        if isinstance(config, list | tuple):
            for part in config:
                yield from parts_of(part)

    parts = list(parts_of(Config.fromfile(path).model.to_dict()))
    losses = [p for p in parts if 'OIMLoss' in str(p.get('type'))]
    assert losses
    for loss in losses:
        # Strangers are remembered in all dimensions.
        assert loss.get('memory', {}).get('queue_dims') is None
    for part in parts:
        if part.get('type') == 'MemoryTripletLoss':
            assert part['skip_identity_zero'] is False
