"""Steps in mixed precision: types, overflows, and going on after a stop."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmdet_ps.engine.optimizers import (
    MixedPrecisionOptimWrapper,
    PartsOptimWrapperConstructor,
)
from mmdet_ps.utils.errors import UserError

from .test_parts_constructor import PARTS, TwoParts

# The gradient of a sum of a linear layer's outputs is its input.
HUGE = torch.full((1, 2), 1e38)
ONES = torch.ones(1, 2)


def alone(model, **options):
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return MixedPrecisionOptimWrapper(optimizer=sgd, **options)


def in_parts(model, **options):
    cfg = dict(type='MixedPrecisionOptimWrapper', parts=PARTS, **options)
    return PartsOptimWrapperConstructor(cfg)(model)


def lead(wrapper):
    return getattr(wrapper, 'lead', wrapper)


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=1.0)])
@pytest.mark.parametrize('build', [alone, in_parts])
def test_steps_that_overflow_are_skipped_and_counted(build, clip_grad):
    model = TwoParts()
    wrapper = build(model, clip_grad=clip_grad)
    scale = wrapper.loss_scaler.get_scale()
    before = weights(model)
    wrapper.update_params(model(HUGE))
    assert all(map(torch.equal, before, weights(model)))
    assert lead(wrapper).skipped_steps == 1
    assert wrapper.loss_scaler.get_scale() == scale / 2
    wrapper.update_params(model(ONES))
    after = weights(model)
    assert not torch.equal(before[0], after[0])
    assert not torch.equal(before[2], after[2])
    assert all(map(torch.isfinite, (w.sum() for w in after)))
    assert lead(wrapper).skipped_steps == 1
    hub = lead(wrapper).message_hub
    assert hub.get_scalar('train/skipped_steps').current() == 1


def test_an_overflow_in_one_part_skips_both():
    model = TwoParts()
    wrapper = in_parts(model)
    loss = model(ONES)
    model.embedding.weight.register_hook(lambda grad: grad * float('inf'))
    before = weights(model)
    wrapper.update_params(loss)
    assert all(map(torch.equal, before, weights(model)))
    assert wrapper.lead.skipped_steps == 1
    # Adam did not count it either.
    assert not wrapper['reid'].optimizer.state


@pytest.mark.parametrize('build', [alone, in_parts])
def test_a_step_equals_that_of_single_precision(build):
    model, twin = TwoParts(), TwoParts()
    build(model).update_params(model(ONES))
    if build is alone:
        sgd = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
        plain = OptimWrapper(optimizer=sgd)
    else:
        cfg = dict(type='OptimWrapper', parts=PARTS)
        plain = PartsOptimWrapperConstructor(cfg)(twin)
    plain.update_params(twin(ONES))
    for ours, theirs in zip(weights(model), weights(twin)):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('build', [alone, in_parts])
def test_a_resumed_training_goes_on_with_scale_and_count(build):
    model = TwoParts()
    wrapper = build(model)
    for batch in (HUGE, ONES, HUGE):
        wrapper.update_params(model(batch))
    other_model = TwoParts()
    other_model.load_state_dict(model.state_dict())
    other = build(other_model)
    other.load_state_dict(copy.deepcopy(wrapper.state_dict()))
    assert lead(other).skipped_steps == 2
    assert other.loss_scaler.get_scale() == wrapper.loss_scaler.get_scale()
    for one, its_model in ((wrapper, model), (other, other_model)):
        one.update_params(its_model(ONES))
    assert all(map(torch.equal, weights(model), weights(other_model)))


def test_bf16_needs_no_scale():
    model = TwoParts()
    wrapper = in_parts(model, dtype='bfloat16')
    assert float(wrapper.scale_loss(torch.tensor(3.0))) == 3
    wrapper.update_params(model(ONES))
    assert wrapper.lead.skipped_steps == 0
    other = in_parts(TwoParts(), dtype='bfloat16')
    other.load_state_dict(wrapper.state_dict())
    # A training in fp16 can be gone on with in bf16.
    other.load_state_dict(in_parts(TwoParts()).state_dict())


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_the_forward_pass_is_in_half_precision(dtype):
    layer = nn.Linear(2, 2)
    wrapper = alone(layer, dtype=dtype)
    with wrapper.optim_context(layer):
        assert layer(torch.ones(1, 2)).dtype == getattr(torch, dtype)
    assert layer(torch.ones(1, 2)).dtype == torch.float32


def test_gradients_are_accumulated():
    model = TwoParts()
    wrapper = alone(model, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    before = weights(model)
    wrapper.update_params(model(ONES))
    assert all(map(torch.equal, before, weights(model)))
    assert wrapper.skipped_steps == 0
    wrapper.update_params(model(ONES))
    assert not torch.equal(before[0], model.stem.weight)


def test_other_types_are_refused():
    with pytest.raises(UserError, match='float8'):
        alone(TwoParts(), dtype='float8')
