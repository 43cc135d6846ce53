"""PVTv2 against mmdet's own model on the same weights."""

import torch
from mmdet.models.backbones import PyramidVisionTransformerV2

from mmdet_ps.models.backbones import StagedPVT

THIN = dict(
    embed_dims=8,
    num_layers=(1, 1, 2, 1),
    num_heads=(1, 2, 2, 4),
    mlp_ratios=(2, 2, 2, 2),
    drop_path_rate=0.0,
)


def test_whole_and_parts_equal_mmdet():
    torch.manual_seed(0)
    library = PyramidVisionTransformerV2(
        **{k: list(v) if isinstance(v, tuple) else v for k, v in THIN.items()}
    ).eval()
    for parameter in library.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    images = torch.randn(2, 3, 64, 96)
    expected = library(images)
    parts = {}
    for part in ('whole', 'stem', 'top'):
        ours = parts[part] = StagedPVT(**THIN, part=part).eval()
        names = ours.state_dict()
        ours.load_state_dict(
            {k: v for k, v in library.state_dict().items() if k in names}
        )
    assert {*parts['whole'].state_dict()} == {*library.state_dict()}
    for got, theirs in zip(parts['whole'](images), expected, strict=True):
        torch.testing.assert_close(got, theirs, rtol=1e-5, atol=1e-5)
    (c4,) = parts['stem'](images)
    torch.testing.assert_close(c4, expected[2], rtol=1e-5, atol=1e-5)
    top = parts['top']
    torch.testing.assert_close(top(c4), expected[3], rtol=1e-5, atol=1e-5)
    assert top(c4).shape[1] == top.out_channels
    assert top(torch.zeros(0, top.in_channels, 14, 7)).shape == (0, 32, 7, 4)


def test_the_weights_of_the_authors_load():
    """Their names, written down from the published file of pvt_v2_b2."""
    ours = StagedPVT(**THIN)
    width = 16
    stage = {
        'patch_embed2.proj.weight': (width, 8, 3, 3),
        'patch_embed2.norm.bias': (width,),
        'block2.0.norm1.weight': (width,),
        'block2.0.attn.q.weight': (width, width),
        'block2.0.attn.kv.weight': (2 * width, width),
        'block2.0.attn.sr.weight': (width, width, 4, 4),
        'block2.0.attn.norm.weight': (width,),
        'block2.0.attn.proj.weight': (width, width),
        'block2.0.mlp.fc1.weight': (2 * width, width),
        'block2.0.mlp.dwconv.dwconv.weight': (2 * width, 1, 3, 3),
        'block2.0.mlp.fc2.bias': (width,),
        'norm2.weight': (width,),
    }
    theirs = {key: torch.randn(shape) for key, shape in stage.items()}
    theirs['block1.0.norm1.weight'] = torch.randn(8)
    theirs['head.weight'] = torch.randn(1000, 32)
    given = ours.in_own_layout(theirs)
    own = ours.state_dict()
    assert len(given) == len(theirs) - 2  # no head, q and kv in one
    for key, value in given.items():
        assert value.shape == own[key].shape, key
    joined = given['layers.1.1.0.attn.attn.in_proj_weight']
    assert torch.equal(joined[:width], theirs['block2.0.attn.q.weight'])


def test_frozen_stages_do_not_learn():
    stem = StagedPVT(**THIN, part='stem', frozen_stages=1)
    assert {n for n, p in stem.named_parameters() if not p.requires_grad} == {
        n for n, _ in stem.named_parameters() if n.startswith('layers.0')
    }
