import pytest
import torch
from mmdet.registry import MODELS

from mmdet_ps.models.backbones import ShuffleNetV1
from mmdet_ps.models.backbones.shufflenet_v1 import shuffle_channels


def test_shuffle_interleaves_the_groups():
    features = torch.arange(6.0).view(1, 6, 1, 1)
    shuffled = shuffle_channels(features, groups=3)
    assert shuffled.flatten().tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.parametrize(
    'groups, channels', [(1, (144, 288, 576)), (3, (240, 480, 960))]
)
def test_stages_have_the_papers_channels_and_strides(groups, channels):
    model = MODELS.build(
        dict(type='ShuffleNetV1', groups=groups, out_indices=(0, 1, 2))
    )
    maps = model(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels[0], 8, 12),
        (2, channels[1], 4, 6),
        (2, channels[2], 2, 3),
    ]


def test_keys_and_size_are_those_of_mmclassification():
    state = ShuffleNetV1().state_dict()
    shapes = {
        'conv1.conv.weight': (24, 3, 3, 3),
        'conv1.bn.running_mean': (24,),
        'layers.0.0.g_conv_1x1_compress.conv.weight': (60, 24, 1, 1),
        'layers.0.0.depthwise_conv3x3_bn.conv.weight': (60, 1, 3, 3),
        'layers.0.0.g_conv_1x1_expand.conv.weight': (216, 20, 1, 1),
        'layers.0.1.g_conv_1x1_compress.conv.weight': (60, 80, 1, 1),
        'layers.1.7.g_conv_1x1_expand.bn.weight': (480,),
        'layers.2.0.g_conv_1x1_expand.conv.weight': (480, 80, 1, 1),
        'layers.2.3.g_conv_1x1_expand.conv.weight': (960, 80, 1, 1),
    }
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    # MMClassification's classifier has 1.87 M parameters, 961 k of which
    # are its last layer (960 x 1000 and the bias).
    parameters = sum(p.numel() for p in ShuffleNetV1().parameters())
    assert round((parameters + 961_000) / 1e6, 2) == 1.87


def test_frozen_parts_do_not_train():
    model = ShuffleNetV1(frozen_stages=1, norm_eval=True).train()
    assert not any(p.requires_grad for p in model.conv1.parameters())
    assert not any(p.requires_grad for p in model.layers[0].parameters())
    assert all(p.requires_grad for p in model.layers[1].parameters())
    assert not model.layers[1][0].g_conv_1x1_compress.bn.training


def test_checkpointing_changes_no_gradient():
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = ShuffleNetV1(with_cp=with_cp, widen_factor=0.5)
        model(torch.ones(2, 3, 64, 64))[0].square().sum().backward()
        gradients.append(model.conv1.conv.weight.grad)
    torch.testing.assert_close(*gradients)


def test_wrong_groups_are_named():
    with pytest.raises(ValueError, match='groups=5'):
        ShuffleNetV1(groups=5)


def test_the_top_is_the_backbones_last_stage():
    torch.manual_seed(0)
    backbone = ShuffleNetV1(out_indices=(1, 2)).eval()
    top = MODELS.build(dict(type='ShuffleNetV1Top')).eval()
    result = top.load_state_dict(backbone.state_dict(), strict=False)
    assert not result.missing_keys
    middle, last = backbone(torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(top(middle), last)
    assert (top.in_channels, top.out_channels) == (480, 960)
