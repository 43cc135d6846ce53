"""Every method and pre-training trains in fp16 and bf16, what needs digits
in single precision."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from mmdet_ps.engine.optimizers import MixedPrecisionOptimWrapper
from mmdet_ps.models.alignment.domain_alignment import DomainAlignment
from mmdet_ps.models.losses import (
    MemoryTripletLoss,
    MutualInformationLoss,
    OIMLoss,
    SoftmaxIdentityLoss,
    TwoViewLoss,
)

from . import spread
from .thin_methods import METHODS

DTYPES = ('float16', 'bfloat16')
# What rounds nothing: rows are chosen, and isfinite() takes absolute values.
EXACT = (torch.ops.aten.index.Tensor, torch.ops.aten.abs.default)
HALVES = (torch.float16, torch.bfloat16)
SINGLE = (
    DomainAlignment,
    MemoryTripletLoss,
    MutualInformationLoss,
    OIMLoss,
    SoftmaxIdentityLoss,
    TwoViewLoss,
)
QUICK = ('nae', 'roi-alignps')
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in spread.NAMES
]
# How far from single precision half the digits bring a loss of a method.
TOLERANCE = dict(rtol=0.15, atol=0.15)


class HalvesWithin(TorchDispatchMode):
    """Notes what computes in half precision inside of some modules."""

    def __init__(self, model):
        super().__init__()
        self.inside = self.entered = 0
        self.halves = []
        for module in model.modules():
            if isinstance(module, SINGLE):
                module.register_forward_pre_hook(self.enter)
                module.register_forward_hook(self.leave)

    def enter(self, *_):
        self.inside += 1
        self.entered += 1

    def leave(self, module, args, output):
        self.inside -= 1

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        computes = not func.is_view and func not in EXACT
        if self.inside and computes:
            for value in tree_flatten(result)[0]:
                if isinstance(value, torch.Tensor) and value.dtype in HALVES:
                    self.halves.append(str(func))
        return result


def train(model, data, dtype):
    """Log of a step, and what was half in the losses of identities."""
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    wrapper = OptimWrapper(optimizer=sgd)
    if dtype is not None:
        wrapper = MixedPrecisionOptimWrapper(
            optimizer=sgd, dtype=dtype, loss_scale=128.0
        )
    boxes = []
    for name, module in model.named_modules():
        if name.endswith('bbox_roi_extractor'):
            module.register_forward_pre_hook(
                lambda _, args: boxes.append((*args[0], args[1]))
            )
    torch.manual_seed(0)
    with HalvesWithin(model) as mode, spread.same_draws():
        log = model.train_step(copy.deepcopy(data), wrapper)
    for tensor in (t for given in boxes for t in given):
        assert tensor.dtype == torch.float32
    return log, mode, wrapper


def check(build, data, dtype):
    expected, _, _ = train(build(), data, None)
    model = build()
    before = [p.detach().clone() for p in model.parameters()]
    log, mode, wrapper = train(model, data, dtype)
    assert mode.entered and not mode.halves
    assert log.keys() == expected.keys()
    for key, value in log.items():
        if 'loss' in key:
            assert value.dtype == torch.float32, key
            torch.testing.assert_close(
                value, expected[key], **TOLERANCE, msg=key
            )
    assert wrapper.skipped_steps == 0
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert any(
        not torch.equal(old, new)
        for old, new in zip(before, model.parameters())
    )
    for name, buffer in model.named_buffers():
        assert buffer.dtype not in HALVES, name
        assert torch.isfinite(buffer).all(), name


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', NAMES)
def test_a_step_in_mixed_precision(name, dtype):
    check(lambda: spread.build(name), spread.batch(name, 0, range(4)), dtype)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('name', NAMES[: len(METHODS)])
def test_answers_are_in_single_precision(name, dtype):
    model = spread.build(name).eval()
    data = spread.batch(name, 0, range(2))
    with torch.no_grad(), torch.autocast('cpu', getattr(torch, dtype)):
        results = model.test_step(data)
    for result in results:
        found = result.pred_instances
        for field in ('bboxes', 'scores', 'embeddings'):
            assert found[field].dtype == torch.float32
            assert torch.isfinite(found[field]).all()
