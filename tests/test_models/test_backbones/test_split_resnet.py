from functools import partial

import pytest
import torch
from mmdet.models.backbones import ResNet
from torch import nn
from torchvision.ops import roi_align

from mmdet_ps.models.backbones import (
    SplitResNet,
    SplitResNetTop,
    split_resnet,
)
from mmdet_ps.models.backbones.split_resnet import place_strides
from mmdet_ps.utils.norm_folding import fold_norms


@pytest.mark.parametrize('depth, c4_blocks', [(18, None), (50, None), (50, 6)])
def test_the_parts_make_up_a_whole_resnet(depth, c4_blocks):
    options = dict(depth=depth, base_channels=4, style='caffe')
    whole = ResNet(out_indices=(3,), **options)
    whole.eval()
    stem = SplitResNet(c4_blocks=c4_blocks, pool_padding=1, **options).eval()
    top = SplitResNetTop(c4_blocks=c4_blocks, **options).eval()
    names = {*stem.state_dict(), *top.state_dict()}
    assert names == {*whole.state_dict()}
    stem.load_state_dict(
        {k: v for k, v in whole.state_dict().items() if k in stem.state_dict()}
    )
    top.load_state_dict(
        {k: v for k, v in whole.state_dict().items() if k in top.state_dict()}
    )
    image = torch.randn(1, 3, 64, 64)
    (c4,) = stem(image)
    assert c4.shape[1:] == (top.in_channels, 4, 4)
    torch.testing.assert_close(top(c4), whole(image)[0])
    assert top(c4).shape[1] == top.out_channels


def bottlenecks(style):
    """A stem and a top whose norms have statistics of their own."""
    torch.manual_seed(0)
    options = dict(depth=50, base_channels=4, style=style)
    parts = nn.ModuleList(
        [
            SplitResNet(norm_eval=False, frozen_stages=-1, **options),
            SplitResNetTop(**options),
        ]
    )
    for norm in parts.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.1, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    return parts


def published_strides(parts):
    """Put the strides where training has them, the norms left as they are."""
    stem, top = parts
    place_strides([stem.layer1, stem.layer2, stem.layer3], early=False)
    place_strides([top.layer3, top.layer4], early=False)


@pytest.mark.parametrize('size', [(64, 96), (70, 54)])
def test_what_the_next_stage_skips_is_not_computed_in_testing(size):
    stem, top = parts = bottlenecks('caffe').eval()
    shapes = []
    for stage in (stem.layer1, stem.layer2, top.layer3):
        stage[-1].conv3.register_forward_hook(
            lambda _, inputs, output: shapes.append(output.shape[2:])
        )
    image = torch.randn(2, 3, *size)
    early = top(*stem(image))
    published_strides(parts)
    late = top(*stem(image))
    torch.testing.assert_close(early, late)
    halved = [((h + 1) // 2, (w + 1) // 2) for h, w in shapes[3:]]
    assert shapes[:3] == halved


def test_training_has_the_strides_as_published():
    parts = bottlenecks('caffe')
    strides = {
        name: module.stride
        for name, module in parts.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    weights = [*parts.state_dict()]
    parts.eval()
    assert [*parts.state_dict()] == weights
    parts.train()
    assert strides == {
        name: module.stride
        for name, module in parts.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    assert parts[1].layer3[-1].downsample is None


def test_three_by_three_convolutions_of_a_stride_read_everything():
    stem, top = bottlenecks('pytorch').eval()
    assert stem.layer1[-1].downsample is None
    assert top.layer4[0].conv2.stride == (2, 2)


def test_caffe_pooling_rounds_up():
    stem = SplitResNet(18, base_channels=4)
    # 66 -> 33 by the convolution, (33 - 3) / 2 + 1 = 16 windows; 64 -> 32
    # needs rounding up to 16.
    assert stem(torch.zeros(1, 3, 64, 66))[0].shape[2:] == (4, 4)


def test_modes_of_the_norms():
    plain = SplitResNet(18, base_channels=4).train()
    assert not plain.norm1.training  # mmdet: norm_eval by default
    everything = SplitResNet(18, base_channels=4, norm_eval=False).train()
    assert everything.norm1.training
    frozen = SplitResNet(
        18, base_channels=4, norm_eval=False, frozen_stages=0
    ).train()
    assert not frozen.norm1.training
    assert not frozen.conv1.weight.requires_grad
    lively = SplitResNet(
        18,
        base_channels=4,
        norm_eval=False,
        frozen_stages=0,
        frozen_statistics=False,
    ).train()
    assert lively.norm1.training
    assert not lively.norm1.weight.requires_grad
    assert not lively.eval().norm1.training


def test_a_split_outside_the_stage_is_refused():
    with pytest.raises(ValueError, match='has 6 blocks'):
        SplitResNetTop(50, c4_blocks=7)


def whole_top(style='pytorch', depth=50):
    """A top of the last stage alone, whose norms are folded."""
    torch.manual_seed(0)
    blocks = ResNet.arch_settings[depth][1][2]
    top = SplitResNetTop(depth, blocks, base_channels=4, style=style)
    for norm in top.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.1, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.bias, -1, 1)
    fold_norms(top)
    return top.eval()


def folded_top(style):
    """A top of blocks of the third stage and the last one, likewise."""
    _, top = bottlenecks(style).eval()
    for norm in top.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.bias, -1, 1)
    fold_norms(top)
    return top


@pytest.mark.parametrize('kind', [whole_top, folded_top])
@pytest.mark.parametrize('style', ['caffe', 'pytorch'])
@pytest.mark.parametrize('bins', [(14, 14), (7, 5)])
def test_entering_before_regions_are_cut_out(kind, style, bins, monkeypatch):
    """The same features, also of regions beyond the border of a map."""
    top = kind(style)
    maps = torch.randn(2, top.in_channels, 12, 9)
    corners = 60 * torch.rand(20, 2) - 20
    sides = 90 * torch.rand(20, 2)
    rois = torch.cat([corners, corners + sides], dim=1)
    rois = torch.cat([torch.arange(20).view(-1, 1) % 2, rois], dim=1)

    def pool(cells, step, some=rois):
        cut = roi_align(cells, some, bins, 1 / 8, 2, aligned=True)
        return cut[..., ::step, ::step]

    with torch.inference_mode():
        assert top.enters_early
        expected = top(pool(maps, 1))
        pools = [partial(pool, some=some) for some in rois.split(8)]
        for piece in split_resnet.PIECE, 1000:
            monkeypatch.setattr(split_resnet, 'PIECE', piece)
            found = top.forward_regions(maps, pools)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_who_enters_early():
    with torch.inference_mode():
        assert whole_top().enters_early
        assert not whole_top(depth=18).enters_early
        assert not SplitResNetTop(50, c4_blocks=6).eval().enters_early
        assert not whole_top().train().enters_early
        assert folded_top('caffe').enters_early
        assert not folded_top('caffe').train().enters_early
        assert not bottlenecks('caffe')[1].eval().enters_early
    assert not whole_top().enters_early


@pytest.mark.parametrize('style', ['caffe', 'pytorch'])
def test_many_regions_are_computed_in_pieces(style, monkeypatch):
    _, top = bottlenecks(style).eval()
    sizes = []
    top.layer4.register_forward_pre_hook(
        lambda stage, inputs: sizes.append(len(inputs[0]))
    )
    regions = torch.randn(10, top.in_channels, 6, 4)
    with torch.inference_mode():
        expected = top(regions)
        monkeypatch.setattr(
            split_resnet, 'PIECE', top.layer3(regions[:4]).nbytes
        )
        torch.testing.assert_close(top(regions), expected)
        assert top(regions[:0]).shape == (0, *expected.shape[1:])
    assert sizes == [10, 4, 4, 2, 0]
    # Batch norms of a training see all regions.
    top.train()(regions)
    assert sizes[-1] == 10
