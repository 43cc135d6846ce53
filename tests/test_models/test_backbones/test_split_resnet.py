import pytest
import torch
from mmdet.models.backbones import ResNet

from mmdet_ps.models.backbones import SplitResNet, SplitResNetTop


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
