"""Deformable convolution against loops, gradcheck and a plain convolution."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_ps.ops import deform_conv as module
from mmdet_ps.ops import deform_conv2d, deform_conv_rows
from mmdet_ps.ops import deform_conv_torchvision as by_torchvision
from tests.test_ops.slow_deform_conv import slow_deform_conv

NAMES = ('features', 'offset', 'mask', 'weight', 'bias')


def random_case(seed, modulated=True, with_bias=True, spread=2.0, **sizes):
    """Inputs by name (float64) and the keyword arguments of the operator."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    shape = dict(
        stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1,
        deform_groups=1
    )  # fmt: skip
    size = dict(batch=2, inputs=2, outputs=2, image=(5, 6), kernel=(3, 3))
    shape.update({k: v for k, v in sizes.items() if k in shape})
    size.update({k: v for k, v in sizes.items() if k in size})
    channels = size['inputs'] * shape['groups'] * shape['deform_groups']
    outputs = size['outputs'] * shape['groups']
    kh, kw = size['kernel']
    features = normal(size['batch'], channels, *size['image'])
    weight = normal(outputs, channels // shape['groups'], kh, kw)
    out_size = F.conv2d(
        torch.zeros(1, 1, *size['image']),
        torch.zeros(1, 1, kh, kw),
        stride=shape['stride'],
        padding=shape['padding'],
        dilation=shape['dilation'],
    ).shape[2:]
    taps = shape['deform_groups'] * kh * kw
    offset = normal(size['batch'], 2 * taps, *out_size) * spread
    mask = normal(size['batch'], taps, *out_size).sigmoid()
    inputs = dict(
        features=features,
        offset=offset,
        mask=mask if modulated else None,
        weight=weight,
        bias=normal(outputs) if with_bias else None,
    )
    return inputs, shape


def value_and_grads(inputs, shape, grad_output=None):
    """Output, its gradient and the gradients by name."""
    leaves = {
        name: None if t is None else t.detach().clone().requires_grad_()
        for name, t in inputs.items()
    }
    output = deform_conv2d(**leaves, **shape)
    if grad_output is None:
        generator = torch.Generator().manual_seed(7)
        grad_output = torch.randn(
            output.shape, generator=generator, dtype=torch.float64
        )
    output.backward(grad_output.to(output.dtype))
    grads = {n: None if t is None else t.grad for n, t in leaves.items()}
    return output.detach(), grad_output, grads


def check_against_loops(inputs, shape):
    output, grad_output, grads = value_and_grads(inputs, shape)
    arrays = {n: None if t is None else t.numpy() for n, t in inputs.items()}
    expected, expected_grads = slow_deform_conv(
        **arrays, grad_output=grad_output.numpy(), **shape
    )
    np.testing.assert_allclose(output, expected, atol=1e-10)
    for name in NAMES:
        if inputs[name] is not None:
            np.testing.assert_allclose(
                grads[name], expected_grads[name], atol=1e-10, err_msg=name
            )


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    modulated=st.booleans(),
    with_bias=st.booleans(),
    spread=st.sampled_from([0.0, 0.5, 4.0]),
    batch=st.integers(1, 2),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    image=st.tuples(st.integers(5, 7), st.integers(5, 8)),
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.integers(1, 2),
    deform_groups=st.integers(1, 2),
)
def test_values_and_gradients_are_those_of_loops(seed, **sizes):
    check_against_loops(*random_case(seed, **sizes))


@pytest.mark.parametrize('positions', [7, 70])
def test_blocks_do_not_show(positions, monkeypatch):
    monkeypatch.setattr(deform_conv_rows, 'COLUMNS', 1)
    monkeypatch.setattr(deform_conv_rows, 'POSITIONS', positions)
    check_against_loops(*random_case(3, batch=3, groups=2, deform_groups=2))


@pytest.mark.parametrize('groups', [1, 2])
@pytest.mark.parametrize('modulated', [False, True])
def test_output_lies_in_memory_as_the_input_does(modulated, groups):
    inputs, shape = random_case(
        4, batch=2, inputs=3, outputs=4, modulated=modulated, groups=groups
    )
    expected, grad_output, expected_grads = value_and_grads(inputs, shape)
    assert expected.is_contiguous()
    innermost = torch.channels_last
    inputs['features'] = inputs['features'].contiguous(memory_format=innermost)
    output, _, grads = value_and_grads(inputs, shape, grad_output)
    assert output.is_contiguous(memory_format=innermost)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(grads, expected_grads)


def test_torchvision_backend_means_the_same(monkeypatch):
    monkeypatch.setattr(module, 'deform_conv_rows', by_torchvision)
    for seed, spread in enumerate((0.0, 2.0)):
        check_against_loops(*random_case(seed, spread=spread, groups=2))
        check_against_loops(
            *random_case(seed, spread=spread, modulated=False, stride=(2, 1))
        )


@pytest.mark.parametrize('modulated', [False, True])
def test_gradcheck(modulated):
    inputs, shape = random_case(0, modulated=modulated, image=(3, 4))
    given = {n: t.requires_grad_() for n, t in inputs.items() if t is not None}

    def operator(*tensors):
        return deform_conv2d(**dict(zip(given, tensors)), **shape)

    assert torch.autograd.gradcheck(operator, tuple(given.values()))


def test_zero_offsets_make_a_plain_convolution():
    inputs, shape = random_case(1, spread=0.0, stride=(2, 1), groups=2)
    inputs['mask'] = torch.ones_like(inputs['mask'])
    expected = F.conv2d(
        inputs['features'],
        inputs['weight'],
        inputs['bias'],
        shape['stride'],
        shape['padding'],
        shape['dilation'],
        shape['groups'],
    )
    torch.testing.assert_close(deform_conv2d(**inputs, **shape), expected)


def test_points_on_the_padding_pass_no_gradient_to_a_zero_offset():
    inputs, shape = random_case(2, spread=0.0, modulated=False)
    _, _, grads = value_and_grads(inputs, shape)
    assert not grads['offset'][:, 0, 0].any()  # y of the upper left tap
    assert grads['offset'][:, 0, 1:, 1:].all()


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 1e30, -1e30])
def test_a_wild_offset_samples_nothing(value):
    inputs, shape = random_case(4)
    far = {**inputs, 'offset': torch.full_like(inputs['offset'], value)}
    output, _, grads = value_and_grads(far, shape)
    bias = inputs['bias'][:, None, None].expand_as(output)
    torch.testing.assert_close(output, bias)
    assert not grads['features'].any()
    assert not grads['offset'].any()


@pytest.mark.parametrize('backend', [deform_conv_rows, by_torchvision])
def test_an_empty_batch(backend, monkeypatch):
    monkeypatch.setattr(module, 'deform_conv_rows', backend)
    inputs, shape = random_case(0, batch=0)
    output, _, grads = value_and_grads(inputs, shape)
    assert output.shape == (0, 2, 5, 6)
    assert grads['features'].shape == (0, 2, 5, 6)
    assert not grads['weight'].any()
    assert not grads['bias'].any()


@pytest.mark.parametrize('frozen', NAMES)
def test_only_what_is_asked_for_gets_a_gradient(frozen):
    inputs, shape = random_case(5)
    _, _, full = value_and_grads(inputs, shape)
    leaves = {
        name: tensor.clone().requires_grad_(name != frozen)
        for name, tensor in inputs.items()
    }
    generator = torch.Generator().manual_seed(7)
    output = deform_conv2d(**leaves, **shape)
    output.backward(
        torch.randn(output.shape, generator=generator, dtype=torch.float64)
    )
    for name in NAMES:
        if name == frozen:
            assert leaves[name].grad is None
        else:
            torch.testing.assert_close(leaves[name].grad, full[name])


@pytest.mark.parametrize('layout', ['channels_last', 'sliced'])
def test_memory_layout_does_not_matter(layout):
    inputs, shape = random_case(6)
    expected, grad_output, grads = value_and_grads(inputs, shape)
    if layout == 'channels_last':
        other = {
            name: t.to(memory_format=torch.channels_last)
            if t.dim() == 4
            else t
            for name, t in inputs.items()
        }
        grad_output = grad_output.to(memory_format=torch.channels_last)
    else:
        other = {n: torch.stack((t, t), -1)[..., 0] for n, t in inputs.items()}
        grad_output = torch.stack((grad_output, grad_output), -1)[..., 0]
    output, _, other_grads = value_and_grads(other, shape, grad_output)
    torch.testing.assert_close(output, expected)
    for name in NAMES:
        torch.testing.assert_close(other_grads[name], grads[name])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_low_precision_is_computed_in_float32(dtype):
    inputs, shape = random_case(7, spread=0.5)
    low = {name: tensor.to(dtype) for name, tensor in inputs.items()}
    exact = {name: tensor.double() for name, tensor in low.items()}
    output, grad_output, grads = value_and_grads(low, shape)
    expected, _, expected_grads = value_and_grads(
        exact, shape, grad_output.to(dtype).double()
    )
    assert output.dtype == dtype
    torch.testing.assert_close(output, expected.to(dtype))
    for name in NAMES:
        assert grads[name].dtype == dtype
        torch.testing.assert_close(grads[name], expected_grads[name].to(dtype))


def test_autocast_gives_the_type_of_a_convolution():
    inputs, shape = random_case(8)
    inputs = {name: tensor.float() for name, tensor in inputs.items()}
    expected = deform_conv2d(**inputs, **shape)
    weight = inputs['weight'].requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        inputs['offset'] = inputs['offset'].bfloat16()
        output = deform_conv2d(**inputs, **shape)
        output.sum().backward()
    assert output.dtype == torch.bfloat16
    assert weight.grad.dtype == torch.float32
    torch.testing.assert_close(output.float(), expected, atol=0.2, rtol=0.05)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'offset': torch.zeros(2, 18, 5, 5)}, 'offset has shape'),
        ({'mask': torch.zeros(2, 8, 5, 6)}, 'mask has shape'),
        ({'features': torch.zeros(2, 3, 5, 6)}, '3 channels fit neither'),
        ({'features': torch.zeros(2, 5, 6)}, 'not a tensor of 3'),
        ({'features': torch.zeros(2, 2, 0, 6)}, 'too small'),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    inputs, shape = random_case(0)
    with pytest.raises(ValueError, match=message):
        deform_conv2d(**{**inputs, **change}, **shape)
