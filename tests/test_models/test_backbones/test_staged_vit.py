"""Plain vision transformers against timm's own models on the same weights."""

import pytest
import torch

from mmdet_ps.models.backbones import StagedViT

timm = pytest.importorskip('timm')

DINOV2 = dict(
    architecture='vit_small_patch14_reg4_dinov2',
    options=dict(
        embed_dim=16, depth=4, num_heads=2, patch_size=16, img_size=64
    ),
    top_blocks=1,
)
DINOV3 = dict(
    architecture='vit_small_patch16_dinov3',
    options=dict(embed_dim=32, depth=3, num_heads=2),
    top_blocks=1,
)
MODELS = [DINOV2, DINOV3]


def library_of(model):
    torch.manual_seed(0)
    library = timm.create_model(
        model['architecture'],
        num_classes=0,
        dynamic_img_size=True,
        **model['options'],
    ).eval()
    for name, parameter in library.named_parameters():
        if not name.startswith('patch_embed'):
            torch.nn.init.normal_(parameter, std=0.2)
    return library


def filled(model, part, library, **options):
    ours = StagedViT(**model, part=part, **options).eval()
    given = {
        key.replace('norm.', 'norm3.') if key.startswith('norm.') else key: v
        for key, v in library.state_dict().items()
    }
    report = ours.load_state_dict(given, strict=False)
    new = [k for k in report.missing_keys if not k.startswith('pyramid')]
    assert set(new) <= {'norm2.weight', 'norm2.bias'}
    return ours


@pytest.mark.parametrize('model', MODELS, ids=lambda m: m['architecture'])
def test_the_maps_are_those_of_timm(model):
    library = library_of(model).double()
    images = torch.randn(2, 3, 64, 96, dtype=torch.double)
    depth = len(library.blocks)
    at_cut, last = library.forward_intermediates(
        images,
        indices=[depth - 1 - model['top_blocks'], depth - 1],
        intermediates_only=True,
    )
    options = dict(norm_out=False, cut_map=True)
    whole = filled(model, 'whole', library, **options).double()
    *maps, cut = whole(images)
    for got, expected in ((maps[1], last), (cut, at_cut)):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    width = library.embed_dim
    assert [tuple(x.shape[1:]) for x in maps] == [
        (width // 2, 8, 12),
        (width, 4, 6),
        (width, 2, 3),
    ]
    stem = filled(model, 'stem', library, norm_out=False).double()
    torch.testing.assert_close(stem(images)[0], at_cut)
    # The last norm is timm's.
    normed = filled(model, 'whole', library).double()
    torch.testing.assert_close(
        normed(images)[1],
        library.norm(last.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize('model', MODELS, ids=lambda m: m['architecture'])
def test_the_top_attends_to_the_grid_alone(model):
    library = library_of(model)
    top = filled(model, 'top', library, norm_out=False)
    stem = filled(model, 'stem', library)
    names = {*top.state_dict(), *stem.state_dict()}
    assert not {*top.state_dict()} & {*stem.state_dict()}
    whole = filled(model, 'whole', library, cut_map=True)
    assert names <= {*whole.state_dict()}
    regions = torch.randn(3, top.in_channels, 6, 3)
    found = top(regions)
    assert found.shape == (3, top.out_channels, 6, 3)
    # Another region changes nothing, another cell does.
    torch.testing.assert_close(top(regions[:1]), found[:1])
    regions[0, :, 0, 0] = torch.randn(top.in_channels)
    assert not torch.allclose(top(regions)[0, :, 5, 2], found[0, :, 5, 2])
    assert top(regions[:0]).shape == (0, top.out_channels, 6, 3)


def test_frozen_stages_leave_the_top_and_what_is_new():
    stem = StagedViT(**DINOV2, part='stem', frozen_stages=3)
    learning = {n for n, p in stem.named_parameters() if p.requires_grad}
    assert learning == {'norm2.weight', 'norm2.bias'}
    top = StagedViT(**DINOV2, part='top', frozen_stages=3)
    assert all(p.requires_grad for p in top.parameters())
    images = torch.randn(1, 3, 32, 32)
    assert stem.with_cp is False
    stem(images)[0].sum().backward()
    assert stem.patch_embed.proj.weight.grad is None


@pytest.mark.parametrize('model', MODELS, ids=lambda m: m['architecture'])
def test_the_weights_of_timm_and_ours_load(model, tmp_path):
    library = library_of(model)
    expected = filled(model, 'whole', library).state_dict()
    torch.save(library.state_dict(), tmp_path / 'timm.pth')
    torch.save(expected, tmp_path / 'ours.pth')
    for name in ('timm', 'ours'):
        ours = StagedViT(
            **model,
            part='whole',
            init_cfg=dict(
                type='Pretrained', checkpoint=str(tmp_path / f'{name}.pth')
            ),
        )
        ours.init_weights()
        for key, value in ours.state_dict().items():
            if not key.startswith(('pyramid', 'norm2')):
                torch.testing.assert_close(value, expected[key])


def test_dinov2_in_the_layout_of_its_authors():
    ours = StagedViT(**DINOV2, part='stem')
    theirs = {
        'mask_token': torch.zeros(1, 16),
        'cls_token': torch.randn(1, 1, 16),
        'register_tokens': torch.randn(1, 4, 16),
        # One place for the class, 37 x 37 for patches of 14 pixels.
        'pos_embed': torch.randn(1, 1 + 37 * 37, 16),
        'patch_embed.proj.weight': torch.randn(16, 3, 14, 14),
        'blocks.0.ls1.gamma': torch.randn(16),
        'norm.weight': torch.randn(16),
    }
    given = ours.in_own_layout(theirs)
    own = {**ours.state_dict(), 'norm3.weight': torch.zeros(16)}
    assert {*given} >= {'reg_token', 'blocks.0.ls1.gamma', 'norm3.weight'}
    for key, value in given.items():
        assert value.shape == own[key].shape, key


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(DINOV2, top_blocks=4), 'from 1 to 3'),
        (dict(architecture='vit_dinosaur'), 'has no vit_dinosaur'),
    ],
)
def test_impossible_models_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        StagedViT(**options)
