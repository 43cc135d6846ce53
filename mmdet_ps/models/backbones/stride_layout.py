"""Tells in which stride layout the weights of a ResNet were trained.

A bottleneck that halves the map does so in its first convolution (``caffe``)
or in its second one (``pytorch``). Keys and shapes are the same, so weights
load into either; in the wrong one the 3x3 convolution sees neighbours at
another distance than in training. What its batch norm then receives no longer
fits the running statistics of the file, and that can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.models.backbones import ResNet
from mmengine.runner.checkpoint import load_state_dict
from torch import Tensor

from mmdet_ps.utils.checkpoint import load_weights
from mmdet_ps.utils.errors import UserError

STYLES = ('pytorch', 'caffe')
DEPTHS = (50, 101, 152)  # those with bottlenecks


@torch.no_grad()
def statistics_gap(backbone: ResNet, images: Sequence[Tensor]) -> float:
    """How far the inputs of batch norms are from their running statistics.

    Of each halving bottleneck the norm behind the 3x3 convolution is taken:
    the distance of means in running standard deviations, and that of the
    logarithms of the standard deviations, averaged over channels and stages.

    Args:
        backbone: A ResNet of bottlenecks; left in evaluation mode.
        images: Normalised pictures, (3, H, W) each, as in its training.

    Returns:
        float: The mean distance, 0 where all statistics agree.
    """
    backbone.eval()
    norms = {
        layer: getattr(backbone, layer)[0].norm2
        for layer in backbone.res_layers[1:]
    }
    received: dict[str, list[Tensor]] = {layer: [] for layer in norms}
    handles = [
        norm.register_forward_pre_hook(
            lambda _, inputs, rows=received[layer]: rows.append(
                inputs[0].transpose(0, 1).flatten(1)
            )
        )
        for layer, norm in norms.items()
    ]
    try:
        for image in images:
            backbone(image[None])
    finally:
        for handle in handles:
            handle.remove()
    gaps = []
    for layer, norm in norms.items():
        values = torch.cat(received[layer], 1)
        deviation = (norm.running_var + norm.eps).sqrt()
        shift = (values.mean(1) - norm.running_mean) / deviation
        spread = ((values.var(1) + norm.eps).sqrt() / deviation).log()
        gaps.append((shift.abs() + spread.abs()).mean())
    return float(torch.stack(gaps).mean())


def gaps_by_style(
    weights: str, images: Sequence[Tensor], depth: int = 50
) -> dict[str, float]:
    """:func:`statistics_gap` of a file in both layouts; the smaller fits.

    Args:
        weights: A file with the weights of a ResNet.
        images: See :func:`statistics_gap`; a few dozen are enough.
        depth: 50, 101 or 152.

    Raises:
        UserError: There is no picture, the depth has no bottlenecks, or the
            file lacks parts of the backbone.
    """
    if not images:
        raise UserError(
            'no picture: name some that look like those of the training'
        )
    if depth not in DEPTHS:
        raise UserError(
            f'depth {depth}: both layouts are the same without bottlenecks; '
            'they are in ResNet-50, 101 and 152'
        )
    gaps, state = {}, None
    for style in STYLES:
        backbone = ResNet(depth=depth, style=style)
        if state is None:
            report = load_weights(backbone, weights)
            if report.missing:
                raise UserError(
                    f'{weights}: {len(report.missing)} parts of a '
                    f'ResNet-{depth} are missing, e.g. {report.missing[0]}'
                )
            state = backbone.state_dict()
        load_state_dict(backbone, state, strict=True)
        gaps[style] = statistics_gap(backbone, images)
    return gaps
