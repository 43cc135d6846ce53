import copy
import pickle

import pytest
import torch
from torch import nn

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.norm_folding import fold_norms


def small_network():
    """Two convolutions with norms that have seen data, a third without."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 6, 1, groups=2),
        nn.BatchNorm2d(6, affine=False),
        nn.Conv2d(6, 4, 3),
        nn.GroupNorm(2, 4),
    )
    with torch.no_grad():
        network[1].weight.uniform_(-2, 2)
        for _ in range(3):
            network(3 + 2 * torch.randn(4, 3, 17, 17))
    return network.eval()


IMAGES = torch.randn(2, 3, 17, 17, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def answers(network):
    return network(IMAGES)


def test_the_answers_are_the_same_and_the_norms_do_nothing():
    plain, folded = small_network(), small_network()
    assert fold_norms(folded) == 2
    torch.testing.assert_close(
        answers(folded), answers(plain), rtol=1e-5, atol=1e-5
    )
    with torch.inference_mode():
        seen = folded[0](IMAGES)
        assert folded[1](seen) is seen


class Declared(nn.Module):
    """A convolution and a norm, called in an order of one's own."""

    def __init__(self, order):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.order = order

    def forward(self, x):
        for name in self.order:
            x = getattr(self, name)(x)
        return x


@pytest.mark.parametrize(
    'order', [('norm', 'conv'), ('conv', 'relu', 'norm'), ('norm',)]
)
def test_a_norm_that_does_not_follow_its_convolution_says_so(order):
    network = Declared(order).eval()
    network.relu = nn.ReLU()
    expected = answers(network)
    assert fold_norms(network) == 1
    with pytest.raises(UserError, match='Declared .* 3 channels .* order'):
        answers(network)
    # What trains is not folded.
    with torch.enable_grad():
        assert torch.equal(network(IMAGES).detach(), expected)


class SharedConvolution(nn.Module):
    """Levels that share a convolution and not their norms."""

    def __init__(self):
        super().__init__()
        self.levels = nn.ModuleList(
            Declared(('conv', 'norm')) for _ in range(2)
        )
        self.levels[1].conv = self.levels[0].conv
        self.levels[1].norm.running_mean += 1

    def forward(self, x):
        return torch.stack([level(x) for level in self.levels])


def test_a_convolution_with_several_norms_stays():
    network = SharedConvolution().eval()
    expected = answers(network)
    assert fold_norms(network) == 0
    assert torch.equal(answers(network), expected)
    # Shared as a whole, convolution and norm are folded once.
    network.levels[1] = network.levels[0]
    expected = answers(network)
    assert fold_norms(network) == 1
    torch.testing.assert_close(answers(network), expected)


def test_what_is_saved_is_the_same():
    plain, folded = small_network(), small_network()
    fold_norms(folded)
    answers(folded)
    expected, saved = plain.state_dict(), folded.state_dict()
    assert list(saved) == list(expected)
    assert all(torch.equal(saved[key], expected[key]) for key in saved)


def test_training_is_the_same():
    plain, folded = small_network(), small_network()
    fold_norms(folded)
    answers(folded)
    for network in (plain, folded):
        network.train()(IMAGES).square().mean().backward()
    for one, other in zip(plain.parameters(), folded.parameters()):
        assert torch.equal(one.grad, other.grad)
    # Frozen statistics, too: they are those of a training.
    for network in (plain, folded):
        network.eval().zero_grad()
        network(IMAGES).square().mean().backward()
    for one, other in zip(plain.parameters(), folded.parameters()):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize('change', ['load', 'train', 'move'])
def test_new_weights_are_folded_anew(change):
    plain, folded = small_network(), small_network()
    fold_norms(folded)
    before = answers(folded)
    for network in (plain, folded):
        torch.manual_seed(2)
        if change == 'load':
            state = network.state_dict()
            network.load_state_dict(
                {k: v + v.new_tensor(1) for k, v in state.items()}
            )
        elif change == 'train':
            network.train()(torch.randn(4, 3, 17, 17))
            network.eval()
        else:
            network[0].weight.data = torch.randn(8, 3, 3, 3)
    after = answers(folded)
    assert not torch.allclose(after, before, atol=1e-3)
    torch.testing.assert_close(after, answers(plain), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    'copied', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_goes_its_own_way(copied):
    folded = small_network()
    fold_norms(folded)
    before = answers(folded)
    other = copied(folded)
    with torch.no_grad():
        other[1].running_mean += 3
    assert not torch.allclose(answers(other), before, atol=1e-3)
    assert torch.equal(answers(folded), before)


@pytest.mark.parametrize(
    'parts',
    [
        [nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)],
        [nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)],
        [nn.Conv2d(3, 4, 3, padding_mode='reflect'), nn.BatchNorm2d(4)],
        [nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)],
        [nn.ConvTranspose2d(3, 4, 1), nn.BatchNorm2d(4)],
    ],
)
def test_what_cannot_be_folded_stays(parts):
    assert fold_norms(nn.Sequential(*parts)) == 0


def test_in_half_precision():
    plain, folded = small_network(), small_network()
    fold_norms(folded)
    with torch.autocast('cpu', torch.bfloat16):
        found = answers(folded)
    error = (found.float() - answers(plain)).abs().max()
    assert 0 < error < 0.1


@pytest.mark.parametrize('enabled', [True, False])
def test_convolutions_of_1x1_are_those_of_onednn(enabled, monkeypatch):
    """Also with one thread, where PyTorch would take another library."""
    plain, folded = small_network(), small_network()
    fold_norms(folded)
    asked = []
    convolution = torch.mkldnn_convolution

    def counted(x, *args):
        asked.append(x.shape[1])
        return convolution(x, *args)

    monkeypatch.setattr(torch, 'mkldnn_convolution', counted)
    with torch.backends.mkldnn.flags(enabled=enabled):
        torch.testing.assert_close(
            answers(folded), answers(plain), rtol=1e-5, atol=1e-5
        )
        with torch.inference_mode():
            assert folded(IMAGES[:0]).shape == (0, 4, 7, 7)
    assert asked == ([8] if enabled else [])
