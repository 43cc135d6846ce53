import sys

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.backbones import ResNet

from mmdet_ps.models.backbones.stride_layout import gaps_by_style
from mmdet_ps.utils.errors import UserError


def smooth_pictures(number):
    """Random colours whose neighbours are alike, as in photographs."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(number, 3, 24, 32, generator=generator) * 40
    return list(
        torch.nn.functional.interpolate(coarse, scale_factor=4, mode='bicubic')
    )


def trained_backbone(style):
    """Random weights, and statistics of batch norms seen in training."""
    torch.manual_seed(1)
    backbone = ResNet(depth=50, style=style, norm_eval=False)
    backbone.train()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean over the batches
    with torch.no_grad():
        for image in smooth_pictures(3):
            backbone(image[None])
    return backbone


@pytest.mark.parametrize('style', ['pytorch', 'caffe'])
def test_the_layout_of_the_training_fits_better(style, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(trained_backbone(style).state_dict(), path)
    gaps = gaps_by_style(str(path), smooth_pictures(3))
    other = {'pytorch': 'caffe', 'caffe': 'pytorch'}[style]
    assert gaps[other] > 1.5 * gaps[style]


def test_what_cannot_be_told_is_refused(tmp_path):
    with pytest.raises(UserError, match='no picture'):
        gaps_by_style('weights.pth', [])
    with pytest.raises(UserError, match='without bottlenecks'):
        gaps_by_style('weights.pth', smooth_pictures(1), depth=18)


def test_the_command_says_which_is_likelier(tmp_path, monkeypatch, capsys):
    from tools.analysis_tools import stride_layout

    torch.save(trained_backbone('caffe').state_dict(), tmp_path / 'w.pth')
    for index, image in enumerate(smooth_pictures(3)):
        picture = (image.permute(1, 2, 0).numpy() + 128).clip(0, 255)
        cv2.imwrite(str(tmp_path / f'{index}.png'), picture.astype(np.uint8))
    monkeypatch.setattr(
        sys,
        'argv',
        ['stride_layout', str(tmp_path / 'w.pth'), str(tmp_path)]
        + ['--mean', '128', '128', '128'],
    )
    stride_layout.main()
    assert "style='caffe' is likelier (" in capsys.readouterr().out
