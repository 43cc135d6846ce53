"""The deformable backbone of AlignPS+, layer by layer.

End to end there is nothing to compare with: with large offsets a change of
the last bit of a weight moves the fourth stage by ten per cent. Each layer on
its own input is well behaved.
"""

from pathlib import Path

import pytest
import torch
from mmcv.ops import ModulatedDeformConv2dPack
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torchvision.ops import deform_conv2d

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / 'configs/alignps/alignps-plus_r50-dcn_1xb4-24e_prw.py'


def in_double(layer, x):
    """torchvision's deformable convolution of (B, C, H, W), in float64."""
    layer, x = layer.double(), x.double()
    first, second, mask = layer.conv_offset(x).chunk(3, dim=1)
    return deform_conv2d(
        x,
        torch.cat([first, second], dim=1),
        layer.weight,
        layer.bias,
        layer.stride,
        layer.padding,
        layer.dilation,
        mask.sigmoid(),
    )


@pytest.mark.slow
def test_each_layer_equals_torchvision_in_double_precision():
    init_default_scope('mmdet')
    torch.manual_seed(0)
    config = Config.fromfile(CONFIG).model.backbone
    config.init_cfg = None
    backbone = MODELS.build(config)
    backbone.eval()
    layers = {
        name: module
        for name, module in backbone.named_modules()
        if isinstance(module, ModulatedDeformConv2dPack)
    }
    # Stages 2, 3 and 4 of ResNet-50 have 4, 6 and 3 blocks.
    assert len(layers) == 13
    seen = {}
    for name, layer in layers.items():
        torch.nn.init.normal_(layer.conv_offset.weight, std=0.02)
        torch.nn.init.normal_(layer.conv_offset.bias, std=1.0)
        layer.register_forward_hook(
            lambda _, args, out, name=name: seen.update({name: (*args, out)})
        )
    with torch.no_grad():
        backbone(torch.randn(1, 3, 96, 128))
        for name, layer in layers.items():
            x, out = seen[name]
            expected = in_double(layer, x)
            error = (out - expected).abs().max() / expected.abs().max()
            assert error < 1e-5, (name, float(error))
