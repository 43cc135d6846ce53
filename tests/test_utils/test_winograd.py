import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdet_ps.utils import winograd
from mmdet_ps.utils.norm_folding import fold_norms
from mmdet_ps.utils.prediction import prepare_for_prediction


def test_the_matrices_filter_three_taps():
    """Four outputs of one filter, with numbers that can be followed by hand:
    inputs 1 to 6 and taps 1, 10, 100 give 321, 432, 543 and 654."""
    interpolate, filters, evaluate = winograd.tile(4)
    inputs = torch.arange(1, 7, dtype=torch.float64)
    taps = torch.tensor([1, 10, 100], dtype=torch.float64)
    found = interpolate @ ((filters @ taps) * (evaluate @ inputs))
    expected = torch.tensor([321, 432, 543, 654], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_the_coefficients_of_a_product():
    """(x - 1)(x + 2)(x - 3) = x^3 - 2 x^2 - 5 x + 6."""
    roots = torch.tensor([1.0, -2.0, 3.0])
    assert winograd.coefficients(roots).tolist() == [6, -5, -2, 1]


@pytest.mark.parametrize('height', [1, 2, 3, 4, 7, 8, 9, 14])
@pytest.mark.parametrize('width', [1, 4, 7, 8, 12, 13])
@pytest.mark.parametrize('biased', [True, False])
def test_it_is_the_convolution(height, width, biased):
    torch.manual_seed(0)
    x = torch.randn(2, 3, height, width)
    weight = torch.randn(5, 3, 3, 3)
    bias = torch.randn(5) if biased else None
    filters = winograd.transform(weight, height, width)
    found = winograd.convolve(x, filters, bias)
    expected = F.conv2d(x, weight, bias, padding=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('shape', [(9, 3, 7, 4), (1, 3, 21, 30)])
def test_blocks_are_computed_in_pieces(shape, monkeypatch):
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(5, 3, 3, 3)
    filters = winograd.transform(weight, *shape[2:])
    whole = winograd.convolve(x, filters, None)
    # So many bytes are the values of two blocks.
    monkeypatch.setattr(winograd, 'PIECE', 2 * len(filters) * 5 * 4)
    torch.testing.assert_close(winograd.convolve(x, filters, None), whole)
    monkeypatch.setattr(winograd, 'PIECE', 1)
    torch.testing.assert_close(winograd.convolve(x, filters, None), whole)


def test_sizes_of_one_kind_share_their_filters():
    torch.manual_seed(0)
    weight = torch.randn(5, 3, 3, 3)
    assert winograd.kind_of(9, 30) == winograd.kind_of(40, 17)
    torch.testing.assert_close(
        winograd.transform(weight, 9, 30),
        winograd.transform(weight, 40, 17),
        rtol=0,
        atol=0,
    )
    assert winograd.kind_of(7, 30) != winograd.kind_of(40, 30)


def test_rounding_stays_small():
    """Outputs that vary by one are right to 1e-5; those of the direct
    convolution to 1e-6 or 5e-6, which depends on how it adds up."""
    torch.manual_seed(0)
    x = torch.randn(20, 512, 7, 7).relu()
    weight = torch.randn(64, 512, 3, 3) / 48
    exact = F.conv2d(x.double(), weight.double(), padding=1)
    found = winograd.convolve(x, winograd.transform(weight, 7, 7), None)
    assert 0.9 < exact.std() < 1.1
    assert (found - exact).abs().max() < 2e-5


def wide_network():
    """Two wide convolutions, one of them with a norm, and one that Winograd's
    way does not suit."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(256, 256, 3, padding=1, bias=False),
        nn.BatchNorm2d(256),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.Conv2d(256, 8, 3, stride=2, padding=1),
    ).eval()
    network[1].running_mean.uniform_(-1, 1)
    network[1].running_var.uniform_(0.5, 2)
    return network


@pytest.fixture
def filtered(monkeypatch):
    """How many maps each call of Winograd's way got."""
    numbers = []
    convolve = winograd.convolve

    def counted(x, *args):
        numbers.append(len(x))
        return convolve(x, *args)

    monkeypatch.setattr(winograd, 'convolve', counted)
    return numbers


def test_a_network_takes_it_where_it_pays(filtered):
    plain = wide_network()
    fast = copy.deepcopy(plain)
    prepare_for_prediction(fast)
    few, many = torch.randn(3, 256, 5, 4), torch.randn(70, 256, 5, 4)
    with torch.inference_mode():
        for maps in few, many, many + 1:
            torch.testing.assert_close(
                fast(maps), plain(maps), rtol=1e-4, atol=1e-4
            )
        assert filtered == [70, 70, 70, 70]
        with torch.autocast('cpu', torch.bfloat16):
            fast(many)
    # Gradients and training are those of the plain convolution.
    for network in plain, fast:
        network(few).square().mean().backward()
    assert len(filtered) == 4
    for one, other in zip(plain.parameters(), fast.parameters()):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize('layer', [0, 3])
def test_changed_weights_change_the_filters(filtered, layer):
    network = wide_network()
    prepare_for_prediction(network)
    maps = torch.randn(64, 256, 3, 3)
    with torch.inference_mode():
        before = network(maps)
    with torch.no_grad():
        network[layer].weight *= 2
    with torch.inference_mode():
        found = network(maps)
    assert len(filtered) == 4
    assert not torch.allclose(found, before, atol=1e-2)
    plain = wide_network()
    with torch.inference_mode():
        plain[layer].weight *= 2
        torch.testing.assert_close(found, plain(maps), rtol=1e-4, atol=1e-4)


def test_nothing_is_saved_of_it():
    network = wide_network()
    names = list(network.state_dict())
    prepare_for_prediction(network)
    with torch.inference_mode():
        network(torch.randn(64, 256, 3, 3))
    assert list(network.state_dict()) == names
    assert '_kept' in network[3].__dict__
    assert '_kept' not in copy.deepcopy(network)[3].__dict__


@pytest.mark.parametrize(
    'options',
    [
        dict(kernel_size=1),
        dict(kernel_size=3),
        dict(kernel_size=3, padding=1, stride=2),
        dict(kernel_size=3, padding=2, dilation=2),
        dict(kernel_size=3, padding=1, groups=2),
        dict(kernel_size=3, padding=1, padding_mode='reflect'),
    ],
)
def test_other_convolutions_stay(options):
    conv = nn.Conv2d(256, 256, **options)
    assert not winograd.suits(conv)
    network = nn.Sequential(conv)
    winograd.use_winograd(network)
    assert type(network[0]) is nn.Conv2d


def test_a_narrow_convolution_stays():
    assert not winograd.suits(nn.Conv2d(256, 128, 3, padding=1))
    network = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1))
    winograd.use_winograd(network)
    assert type(network[0]) is nn.Conv2d
    assert fold_norms(network) == 0
