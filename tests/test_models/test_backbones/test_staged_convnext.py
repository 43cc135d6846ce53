"""ConvNeXt against timm's and torchvision's own models on the same weights."""

import pytest
import torch
from mmengine.config import ConfigDict

from mmdet_ps.models.backbones import StagedConvNeXt

timm_convnext = pytest.importorskip('timm.models.convnext')

THIN = dict(depths=(1, 1, 2, 1), dims=(8, 12, 16, 20))


@pytest.fixture(scope='module')
def library():
    """timm's model with random weights, layer scales that count included."""
    torch.manual_seed(0)
    return timm_convnext.ConvNeXt(**THIN, ls_init_value=0.5).eval()


def stages_of(model, images):
    x = model.stem(images)
    maps = []
    for stage in model.stages:
        x = stage(x)
        maps.append(x)
    return maps


def filled(model, state_dict, strict=True):
    names = model.state_dict()
    given = {k: v for k, v in state_dict.items() if k in names}
    model.load_state_dict(given, strict=strict)
    return model.eval()


def test_whole_and_parts_equal_timm(library):
    images = torch.randn(2, 3, 64, 96)
    expected = stages_of(library, images)
    state = library.state_dict()
    whole = filled(StagedConvNeXt(**THIN), state)
    for ours, theirs in zip(whole(images), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    stem = filled(StagedConvNeXt(**THIN, part='stem'), state)
    top = filled(StagedConvNeXt(**THIN, part='top'), state)
    (c4,) = stem(images)
    assert c4.shape == (2, top.in_channels, 4, 6)
    torch.testing.assert_close(c4, expected[2], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(top(c4), expected[3], rtol=1e-5, atol=1e-5)
    names = {*stem.state_dict()} | {*top.state_dict()}
    assert names == {*whole.state_dict()}
    assert not {*stem.state_dict()} & {*top.state_dict()}


def test_the_weights_of_torchvision_load(tmp_path):
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    dims, depths = THIN['dims'], THIN['depths']
    blocks = [
        CNBlockConfig(width, following, depth)
        for width, following, depth in zip(dims, [*dims[1:], None], depths)
    ]
    torch.manual_seed(1)
    model = ConvNeXt(blocks, layer_scale=0.5, num_classes=3).eval()
    torch.save(model.state_dict(), tmp_path / 'weights.pth')
    init_cfg = ConfigDict(
        type='Pretrained', checkpoint=str(tmp_path / 'weights.pth')
    )
    images = torch.randn(1, 3, 64, 64)
    x = images
    for part in ('stem', 'top'):
        ours = StagedConvNeXt(**THIN, part=part, init_cfg=init_cfg).eval()
        ours.init_weights()
        x = ours(x)[0] if part == 'stem' else ours(x)
    expected = model.features(images)
    torch.testing.assert_close(x, expected, rtol=1e-5, atol=1e-5)


def test_the_weights_of_the_authors_load(library):
    theirs = {}
    for key, value in library.state_dict().items():
        name = key.replace('.blocks.', '.').replace('conv_dw', 'dwconv')
        name = name.replace('mlp.fc', 'pwconv')
        if name.startswith('stem.'):
            name = f'downsample_layers.0.{name.removeprefix("stem.")}'
        if '.downsample.' in name:
            _, stage, _, rest = name.split('.', 3)
            name = f'downsample_layers.{stage}.{rest}'
        theirs[name.replace('head.norm', 'norm')] = value
    backbone = StagedConvNeXt(**THIN)
    ours = backbone.in_own_layout(theirs)
    assert {*ours} == {*backbone.state_dict()}
    for key, value in ours.items():
        assert torch.equal(value, library.state_dict()[key]), key


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'conv1.weight': torch.zeros(1)}, path)
    top = StagedConvNeXt(
        **THIN,
        part='top',
        init_cfg=dict(type='Pretrained', checkpoint=str(path)),
    )
    with pytest.raises(ValueError, match='nothing fits'):
        top.init_weights()


def test_frozen_stages_do_not_learn():
    stem = StagedConvNeXt(**THIN, part='stem', frozen_stages=1, norm_out=True)
    frozen = {n for n, p in stem.named_parameters() if not p.requires_grad}
    assert frozen == {
        n
        for n, _ in stem.named_parameters()
        if n.startswith(('stem', 'stages.0'))
    }
    assert not stem.stages[0].training and stem.stages[1].training
    top = StagedConvNeXt(**THIN, part='top', frozen_stages=4)
    assert not any(p.requires_grad for p in top.parameters())


def test_recomputing_changes_no_gradient(library):
    gradients = []
    for with_cp in (False, True):
        backbone = filled(
            StagedConvNeXt(**THIN, with_cp=with_cp), library.state_dict()
        ).train()
        images = torch.ones(1, 3, 32, 32, requires_grad=True)
        sum(x.square().mean() for x in backbone(images)).backward()
        gradients.append(backbone.stem[0].weight.grad)
    torch.testing.assert_close(*gradients)


def test_no_region_gives_no_feature():
    top = StagedConvNeXt(**THIN, part='top', norm_out=True)
    assert top(torch.zeros(0, 16, 14, 7)).shape == (0, 20, 7, 3)


@pytest.mark.parametrize(
    'option, message',
    [
        (dict(part='half'), 'choose one of'),
        (dict(init_cfg=dict(type='Kaiming')), 'Pretrained'),
    ],
)
def test_other_options_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        StagedConvNeXt(**THIN, **option)
