"""Backbones by one call, with published or own weights.

The weights that the paper's authors publish in their package ``psvis`` are
dicts whose ``state_dict`` holds the backbone's keys without a prefix, which
is also what ``tools/model_converters/format_pretrained_weights.py --keep
backbone`` writes.
"""

import os
from pathlib import Path

from mmdet.models.backbones import ResNet
from mmengine.logging import print_log
from torch import nn

from mmdet_ps.utils.checkpoint import CheckpointError, load_weights

from .shufflenet_v1 import ShuffleNetV1

CACHE_VARIABLE = 'MMDET_PS_WEIGHTS'
DEFAULT_CACHE = '~/.cache/mmdet_ps'
# The file each backbone's published weights are expected in.
FILES = {
    'resnet50': 'resnet50-ps12.pth',
    'resnet18': 'resnet18-ps15.pth',
    'shufflenet_v1': 'shufflenet_v1-ps.pth',
}


def resnet50(pretrained: bool | str = False, **options) -> nn.Module:
    """ResNet-50: (B, 3, H, W) to maps of 256, 512, 1024, 2048 channels.

    Args:
        pretrained: True for the weights in the cache folder
            (``$MMDET_PS_WEIGHTS`` or ``~/.cache/mmdet_ps``), or a file.
        options: Of mmdet's ``ResNet``.
    """
    return _load('resnet50', ResNet(depth=50, **options), pretrained)


def resnet18(pretrained: bool | str = False, **options) -> nn.Module:
    """ResNet-18: (B, 3, H, W) to maps of 64, 128, 256, 512 channels.

    Args:
        pretrained: As of :func:`resnet50`.
        options: Of mmdet's ``ResNet``.
    """
    return _load('resnet18', ResNet(depth=18, **options), pretrained)


def shufflenet_v1(pretrained: bool | str = False, **options) -> nn.Module:
    """ShuffleNet V1 (3 groups): maps of 240, 480 and 960 channels.

    Args:
        pretrained: As of :func:`resnet50`.
        options: Of :class:`ShuffleNetV1`.
    """
    options = {'out_indices': (0, 1, 2), **options}
    return _load('shufflenet_v1', ShuffleNetV1(**options), pretrained)


def cached_weights(name: str) -> Path:
    """Where the published weights of a backbone lie."""
    folder = os.environ.get(CACHE_VARIABLE, DEFAULT_CACHE)
    path = Path(folder).expanduser() / FILES[name]
    if not path.is_file():
        raise CheckpointError(
            f'{name}(pretrained=True) wants {path}, which is not there: put '
            f'{FILES[name]} of the psvis package into that folder (or name '
            f'another by {CACHE_VARIABLE}), or pass the path of a file'
        )
    return path


def _load(name: str, backbone: nn.Module, pretrained: bool | str) -> nn.Module:
    if not pretrained:
        return backbone
    path = cached_weights(name) if pretrained is True else pretrained
    report = load_weights(backbone, path)
    print_log(f'{name} from {path}: {report.table()}', logger='current')
    return backbone
