"""Swin against mmdet's own model on the same weights, and SOLIDER's layers."""

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.backbones import SwinTransformer

from mmdet_ps.models.backbones import StagedSwin

THIN = dict(
    embed_dims=8, depths=(1, 2, 2, 1), num_heads=(1, 2, 2, 4), window_size=3
)


@pytest.fixture(scope='module')
def library():
    torch.manual_seed(0)
    model = SwinTransformer(**THIN, drop_path_rate=0.0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.eval()  # gives nothing back in mmdet's
    return model


def filled(model, state_dict):
    names = model.state_dict()
    model.load_state_dict({k: v for k, v in state_dict.items() if k in names})
    return model.eval()


def test_whole_and_stem_equal_mmdet(library):
    # Sides that are no multiples of a window.
    images = torch.randn(2, 3, 64, 96)
    expected = library(images)
    whole = filled(StagedSwin(**THIN), library.state_dict())
    assert {*whole.state_dict()} == {*library.state_dict()}
    for ours, theirs in zip(whole(images), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    stem = filled(StagedSwin(**THIN, part='stem'), library.state_dict())
    (c4,) = stem(images)
    torch.testing.assert_close(c4, expected[2], rtol=1e-5, atol=1e-5)


def test_stem_and_top_without_norms_are_the_whole(library):
    images = torch.randn(1, 3, 64, 96)
    options = dict(**THIN, norm_out=False)
    whole, stem, top = (
        filled(StagedSwin(**options, part=part), library.state_dict())
        for part in ('whole', 'stem', 'top')
    )
    (c4,) = stem(images)
    assert c4.shape == (1, top.in_channels, 4, 6)
    torch.testing.assert_close(top(c4), whole(images)[3])
    assert {*stem.state_dict()} | {*top.state_dict()} == {*whole.state_dict()}


def test_the_weights_of_the_authors_load(tmp_path):
    """timm's Swin has their order of patches to be merged, and their names
    but for the place of the merging."""
    timm_swin = pytest.importorskip('timm.models.swin_transformer')
    torch.manual_seed(1)
    model = timm_swin.SwinTransformer(
        img_size=96,
        window_size=3,
        embed_dim=8,
        depths=THIN['depths'],
        num_heads=THIN['num_heads'],
        num_classes=0,
        drop_path_rate=0.0,
    ).eval()
    for name, parameter in model.named_parameters():
        if 'norm' in name or 'bias_table' in name:
            torch.nn.init.normal_(parameter, std=0.5)
    state = {}
    for key, value in model.state_dict().items():
        if '.downsample.' in key:
            _, stage, rest = key.split('.', 2)
            key = f'layers.{int(stage) - 1}.{rest}'
        state[key] = value
    torch.save({'model': state}, tmp_path / 'swin.pth')
    ours = StagedSwin(
        **THIN,
        norm_out=False,
        drop_path_rate=0.0,
        init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'swin.pth')
        ),
    ).eval()
    ours.init_weights()
    images = torch.randn(1, 3, 96, 96)
    x = model.patch_embed(images)
    for layer, got in zip(model.layers, ours(images), strict=True):
        x = layer(x)
        torch.testing.assert_close(
            got, x.permute(0, 3, 1, 2), rtol=1e-5, atol=1e-5
        )


def test_the_semantic_weight_scales_and_shifts():
    options = dict(**THIN, norm_out=False, drop_path_rate=0.0)
    plain = StagedSwin(**options).eval()
    plain.init_weights()
    state = dict(plain.state_dict())
    modulated = StagedSwin(**options, semantic_weight=0.6).eval()
    names = set(modulated.state_dict()) - set(state)
    assert names == {
        f'semantic_embed_{kind}.{i}.{name}'
        for kind in 'wb'
        for i in range(3)
        for name in ('weight', 'bias')
    }
    # softplus(log(e - 1)) is 1: nothing is scaled, nothing shifted.
    for name in names:
        state[name] = torch.zeros_like(modulated.state_dict()[name])
        if name.startswith('semantic_embed_w') and name.endswith('bias'):
            state[name] += torch.tensor(1.0).exp().sub(1).log()
    modulated.load_state_dict(state)
    images = torch.randn(1, 3, 48, 48)
    for got, expected in zip(modulated(images), plain(images), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    # By hand: weights 0.6 and 0.4 before the blocks of stage 1.
    tokens = torch.ones(1, 4, 16)
    layer = modulated.semantic_embed_w['0']
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(modulated.semantic_embed_b['0'].weight)
    expected = F.softplus(layer.weight @ torch.tensor([0.6, 0.4]) + layer.bias)
    expected = expected + modulated.semantic_embed_b['0'].weight @ (
        torch.tensor([0.6, 0.4])
    )
    torch.testing.assert_close(
        modulated._modulate(1, tokens), expected.expand(1, 4, 16)
    )


def test_frozen_stages_and_no_regions():
    stem = StagedSwin(**THIN, part='stem', frozen_stages=2)
    learning = {n for n, p in stem.named_parameters() if p.requires_grad}
    assert all(
        n.startswith(('stages.1.downsample', 'stages.2', 'norm2'))
        for n in learning
    )
    top = StagedSwin(**THIN, part='top')
    found = top(torch.zeros(0, 32, 14, 7))
    assert found.shape == (0, 64, 7, 4)
    found.sum().backward()  # every parameter keeps its place in the graph
    with pytest.raises(ValueError, match='from 0 to 1'):
        StagedSwin(**THIN, semantic_weight=2)
