from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

import mmdet_ps.registration  # noqa: F401
from mmdet_ps.engine.optimizers import PartsOptimWrapperConstructor
from mmdet_ps.utils.errors import UserError
from tests.test_models.thin_methods import thin_model

SCHEDULES = Path(__file__).parents[3] / 'configs/_base_/schedules'


class Head(nn.Linear):
    """What one of the parts asks for."""


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(2, 2)
        self.embedding = Head(2, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def forward(self, x):
        return self.embedding(self.stem(x)).sum()


PARTS = dict(
    det=dict(
        optimizer=dict(type='SGD', lr=0.1, weight_decay=0.5),
        bias=dict(weight_decay=0.0),
    ),
    reid=dict(
        modules=[Head],
        optimizer=dict(type='Adam', lr=0.01, weight_decay=0.5),
    ),
)


def wrapper(model, **options):
    cfg = dict(type='OptimWrapper', parts=PARTS, **options)
    return PartsOptimWrapperConstructor(cfg)(model)


def test_parameters_go_to_their_part():
    model = TwoParts()
    parts = {
        name: part.optimizer.param_groups
        for name, part in wrapper(model).items()
    }
    assert [g['params'] for g in parts['det']] == [
        [model.stem.weight],
        [model.stem.bias],
    ]
    assert [g['weight_decay'] for g in parts['det']] == [0.5, 0.0]
    assert [g['weight_decay'] for g in parts['reid']] == [0.5, 0.5]
    assert parts['reid'][0]['params'] == [model.embedding.weight]


def test_one_update_equals_two_optimizers_by_hand():
    model, twin = TwoParts(), TwoParts()
    joint = wrapper(model)
    sgd = torch.optim.SGD(
        [
            dict(params=[twin.stem.weight], weight_decay=0.5),
            dict(params=[twin.stem.bias]),
        ],
        lr=0.1,
    )
    adam = torch.optim.Adam(
        twin.embedding.parameters(), lr=0.01, weight_decay=0.5
    )
    for step in range(3):
        x = torch.full((4, 2), step + 1.0)
        with joint.optim_context(model):
            loss = model(x)
        joint.update_params(loss)
        for optimizer in (sgd, adam):
            optimizer.zero_grad()
        twin(x).backward()
        for optimizer in (sgd, adam):
            optimizer.step()
    for ours, theirs in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(ours, theirs)


def test_accumulation_waits_for_the_last_step():
    model = TwoParts()
    joint = wrapper(model, accumulative_counts=2)
    joint.initialize_count_status(model, 0, 4)
    before = [p.clone() for p in model.parameters()]
    joint.update_params(model(torch.ones(1, 2)))
    assert all(map(torch.equal, before, model.parameters()))
    joint.update_params(model(torch.ones(1, 2)))
    assert not torch.equal(before[0], model.stem.weight)
    assert not torch.equal(before[2], model.embedding.weight)


def test_gradients_keep_their_memory_where_asked():
    """What a step of an accumulation finds, by which its cost is told."""
    model = TwoParts()
    joint = wrapper(model)
    model(torch.ones(1, 2)).backward()
    joint.zero_grad(set_to_none=False)
    assert model.stem.weight.grad.eq(0).all()
    joint.zero_grad()
    assert model.stem.weight.grad is None


def test_clipping_takes_the_norm_of_all_parts():
    model = TwoParts()
    joint = wrapper(model, clip_grad=dict(max_norm=1e-3))
    model(torch.ones(1, 2) * 1e3).backward()
    joint.step()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.cat([g.flatten() for g in grads]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_state_survives_saving():
    model = TwoParts()
    joint = wrapper(model)
    joint.update_params(model(torch.ones(1, 2)))
    other = wrapper(model)
    other.load_state_dict(joint.state_dict())
    for name in ('det', 'reid'):
        assert (
            other[name].optimizer.state_dict()
            == joint[name].optimizer.state_dict()
        )


def test_parts_must_cover_the_model():
    parts = dict(reid=PARTS['reid'])
    with pytest.raises(ValueError, match='must have no modules'):
        PartsOptimWrapperConstructor(dict(type='OptimWrapper', parts=parts))
    with pytest.raises(ValueError, match='paramwise_cfg'):
        PartsOptimWrapperConstructor(
            dict(type='OptimWrapper', parts=PARTS), dict(norm_decay_mult=0)
        )


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(keys=['reid']), r'parts\.reid\.keys.*modules='),
        (dict(modules=['RedHead']), "registered as 'RedHead'"),
        (dict(modules=['SeparatedReIDHead']), 'no SeparatedReIDHead'),
    ],
)
def test_parts_that_a_model_lacks_are_named(options, message):
    adam = dict(optimizer=dict(type='Adam', lr=0.01))
    parts = dict(det=PARTS['det'], reid={**adam, **options})
    with pytest.raises(UserError, match=message):
        PartsOptimWrapperConstructor(dict(type='OptimWrapper', parts=parts))(
            TwoParts()
        )


def test_bsl_trains_all_of_its_reid_head_by_adam():
    path = SCHEDULES / 'deep-person-search-parts_7e.py'
    cfg = Config.fromfile(path).optim_wrapper
    cfg.pop('constructor')
    parts = PartsOptimWrapperConstructor(cfg).parts_of(thin_model('bsl'))
    reid = {name for name, part in parts.items() if part == 'reid'}
    assert reid == {n for n in parts if n.startswith('roi_head.reid_head.')}
    assert reid and len(reid) < len(parts)


@pytest.mark.parametrize('loss_scale', [8.0, 'dynamic'])
def test_a_static_loss_scale_stays_static(loss_scale):
    model = TwoParts()
    options = loss_scale
    if loss_scale == 'dynamic':
        options = dict(growth_interval=1)
    cfg = dict(
        type='MixedPrecisionOptimWrapper', parts=PARTS, loss_scale=options
    )
    joint = PartsOptimWrapperConstructor(cfg)(model)
    first = joint.loss_scaler.get_scale()
    scales = []
    for _ in range(3):  # the scale is looked at anew after every step
        joint.update_params(model(torch.ones(1, 2)))
        scales.append(joint.loss_scaler.get_scale())
    if loss_scale == 'dynamic':
        assert scales == [2 * first, 4 * first, 8 * first]
    else:
        assert scales == [loss_scale] * 3


def test_a_static_loss_scale_stays_after_an_overflow():
    model = TwoParts()
    cfg = dict(type='MixedPrecisionOptimWrapper', parts=PARTS, loss_scale=8.0)
    joint = PartsOptimWrapperConstructor(cfg)(model)
    before = [p.detach().clone() for p in model.parameters()]
    joint.update_params(model(torch.ones(1, 2)) * float('inf'))
    assert all(map(torch.equal, before, model.parameters()))
    assert joint.loss_scaler.get_scale() == 8.0
