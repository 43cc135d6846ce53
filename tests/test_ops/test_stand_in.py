"""Operators are put in place only where mmcv has none compiled."""

import importlib.util
import subprocess
import sys
import textwrap

import pytest
import torch
from mmcv.ops import (
    DeformConv2dPack,
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
    roi_pool,
)

import mmdet_ps.ops as ops


def run_python(code):
    """Run ``code`` in a fresh interpreter; its output."""
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_compiled_module_is_left_alone():
    output = run_python("""
        import importlib, sys, types
        from importlib.machinery import ModuleSpec

        class Compiled(types.ModuleType):
            def __getattr__(self, name):
                if name.startswith('__'):
                    raise AttributeError(name)
                return lambda *args, **kwargs: 'compiled ' + name

        import mmcv, mmdet_ps
        module = Compiled('mmcv._ext')
        module.__spec__ = ModuleSpec('mmcv._ext', None)
        sys.modules['mmcv._ext'] = mmcv._ext = module
        from mmcv.ops.deform_conv import DeformConv2dFunction
        assert sys.modules['mmcv._ext'] is module
        for function in (DeformConv2dFunction.forward,
                         DeformConv2dFunction.backward):
            assert function.__module__ == 'mmcv.ops.deform_conv'
        from mmcv.ops.nms import ext_module
        print(ext_module.nms())
    """)
    assert output.strip() == 'compiled nms'


needs_stand_in = pytest.mark.skipif(
    ops.compiled_operators() is not None,
    reason='mmcv has compiled operators here',
)


@needs_stand_in
def test_supplying_again_changes_nothing():
    module = sys.modules['mmcv._ext']
    with ops.standing_in():
        assert sys.modules['mmcv._ext'] is module
    assert sys.modules['mmcv._ext'] is module


@needs_stand_in
def test_the_stand_in_has_a_spec_and_no_invented_dunders():
    assert importlib.util.find_spec('mmcv._ext').name == 'mmcv._ext'
    assert not hasattr(sys.modules['mmcv._ext'], '__path__')


@needs_stand_in
def test_an_operator_nobody_supplies_says_what_to_install():
    rois = torch.tensor([[0.0, 0, 0, 3, 3]])
    with pytest.raises(ops.MissingOperatorError, match='roi_pool_forward'):
        roi_pool(torch.zeros(1, 1, 4, 4), rois, 2)
    with pytest.raises(ops.MissingOperatorError, match='MMCV_WITH_OPS=1'):
        roi_pool(torch.zeros(1, 1, 4, 4), rois, 2)


def test_mmcv_deform_conv_is_ours():
    torch.manual_seed(0)
    x = torch.randn(3, 4, 6, 7, requires_grad=True)
    offset = torch.randn(3, 36, 3, 4, requires_grad=True)
    weight = torch.randn(6, 2, 3, 3, requires_grad=True)
    options = (2, 1, 1, 2, 2)
    output = deform_conv2d(x, offset, weight, *options, False, 2)
    expected = ops.deform_conv2d(x, offset, weight, None, None, *options)
    torch.testing.assert_close(output, expected)
    inputs = (x, offset, weight)
    for ours, theirs in zip(
        torch.autograd.grad(output.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
    ):
        torch.testing.assert_close(ours, theirs)


def test_mmcv_modulated_deform_conv_is_ours():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 7, requires_grad=True)
    offset = torch.randn(2, 18, 6, 7, requires_grad=True)
    mask = torch.rand(2, 9, 6, 7, requires_grad=True)
    weight = torch.randn(6, 4, 3, 3, requires_grad=True)
    bias = torch.randn(6, requires_grad=True)
    inputs = (x, offset, mask, weight, bias)
    output = modulated_deform_conv2d(*inputs, 1, 1)
    expected = ops.deform_conv2d(x, offset, weight, mask, bias, 1, 1)
    torch.testing.assert_close(output, expected)
    for ours, theirs in zip(
        torch.autograd.grad(output.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    'layer', [DeformConv2dPack, ModulatedDeformConv2dPack]
)
@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('batch', [0, 3])
def test_packs_train(layer, autocast, batch):
    torch.manual_seed(0)
    module = layer(4, 6, 3, padding=1)
    torch.nn.init.normal_(module.conv_offset.weight)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        output = module(torch.randn(batch, 4, 5, 6))
        assert output.shape == (batch, 6, 5, 6)
    output.float().square().sum().backward()
    for parameter in module.parameters():
        assert parameter.grad.shape == parameter.shape
        assert bool(parameter.grad.any()) == bool(batch)


def test_an_input_smaller_than_the_kernel():
    module = DeformConv2dPack(2, 2, 3, padding=1)
    plain = torch.nn.functional.conv2d
    x = torch.randn(1, 2, 1, 2)
    torch.testing.assert_close(module(x), plain(x, module.weight, padding=1))
