"""The neck against its description, one map at a time."""

import pytest
import torch
import torch.nn.functional as F

from mmdet_ps.models.necks import AlignedFeatureAggregation

CHANNELS = [2, 4, 6, 8]
SIZES = [(20, 28), (11, 15), (6, 8), (3, 4)]  # odd: not halves of each other


def inputs():
    torch.manual_seed(0)
    return [torch.randn(2, c, *s) for c, s in zip(CHANNELS, SIZES)]


def neck(**kwargs):
    options = dict(conv_cfg=None, lateral_conv_cfg=None, out_channels=3)
    torch.manual_seed(0)
    made = AlignedFeatureAggregation(CHANNELS, **{**options, **kwargs})
    made.init_weights()
    return made


def test_levels_by_hand():
    made, maps = neck(), inputs()
    p3, p4, p5, p6, p7 = made(maps)
    c3, c4, c5 = (conv(x) for conv, x in zip(made.lateral_convs, maps[1:]))
    up5 = F.interpolate(c5, size=(6, 8))
    up4 = F.interpolate(torch.cat([c4, up5], 1), size=(11, 15))
    outs = made.fpn_convs
    torch.testing.assert_close(p3, outs[0](torch.cat([c3, up4], 1)))
    torch.testing.assert_close(p4, outs[1](torch.cat([c4, up5], 1)))
    torch.testing.assert_close(p5, outs[2](c5))
    torch.testing.assert_close(p6, outs[3](p5))
    torch.testing.assert_close(p7, outs[4](p6.relu()))
    assert [tuple(p.shape[2:]) for p in (p5, p6, p7)] == [
        (3, 4),
        (2, 2),
        (1, 1),
    ]


def test_testing_puts_out_the_finest_level_alone():
    made, maps = neck(), inputs()
    everything = made(maps)
    (finest,) = made.eval()(maps)
    torch.testing.assert_close(finest, everything[0])


def test_addition_in_place_of_concatenation():
    made, maps = neck(fusion='add', num_outs=1), inputs()
    c3, c4, c5 = (conv(x) for conv, x in zip(made.lateral_convs, maps[1:]))
    joined = c4 + F.interpolate(c5, size=(6, 8))
    joined = c3 + F.interpolate(joined, size=(11, 15))
    torch.testing.assert_close(made(maps)[0], made.fpn_convs[0](joined))


def test_a_single_level_needs_no_further_layers():
    assert len(neck(num_outs=1).fpn_convs) == 1


def test_deformable_layers_start_as_published_or_undeformed():
    published = neck(conv_cfg=dict(type='DCN'))
    conv = published.fpn_convs[0]
    assert conv.conv_offset.weight.std() > 0.01
    assert conv.conv_offset.bias.abs().sum() == 0
    bound = (9 * 9) ** -0.5  # nine channels, kernel of nine
    assert 0.9 * bound < conv.weight.abs().max() <= bound
    undeformed = neck(conv_cfg=dict(type='DCN'), zero_init_offset=True)
    assert undeformed.fpn_convs[0].conv_offset.weight.abs().sum() == 0


def test_the_published_layers_have_no_bias():
    made = neck(conv_cfg=dict(type='DCN'), lateral_conv_cfg=dict(type='DCN'))
    shapes = {k: tuple(v.shape) for k, v in made.state_dict().items()}
    assert shapes['lateral_convs.0.weight'] == (3, 4, 3, 3)
    assert shapes['lateral_convs.0.conv_offset.weight'] == (18, 4, 3, 3)
    assert shapes['fpn_convs.0.weight'] == (3, 9, 3, 3)
    assert shapes['fpn_convs.4.conv.bias'] == (3,)
    assert 'fpn_convs.0.bias' not in shapes


def test_an_unknown_fusion_is_refused():
    with pytest.raises(ValueError, match="'concat' or 'add'"):
        neck(fusion='sum')
