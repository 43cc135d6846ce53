"""Backbones by one call, with published or own weights.

The weights that the paper's authors publish in their package ``psvis`` are
dicts whose ``state_dict`` holds the backbone's keys without a prefix, which
is also what ``tools/model_converters/format_pretrained_weights.py --keep
backbone`` writes.
"""

import os
from pathlib import Path

import torch
from mmdet.models.backbones import ResNet
from mmengine.logging import print_log
from torch import nn

from mmdet_ps.utils.checkpoint import CheckpointError, load_weights

from .shufflenet_v1 import ShuffleNetV1

CACHE_VARIABLE = 'MMDET_PS_WEIGHTS'
DEFAULT_CACHE = '~/.cache/mmdet_ps'
# Where psvis 1.6.0 downloads its weights from, and what each is called.
PUBLISHED = 'https://huggingface.co/Alice10/psvision/resolve/main'
FILES = {
    'resnet50': 'resnet50-ps12.pth',
    'resnet18': 'resnet18-ps15.pth',
    'shufflenet_v1': 'shufflenetv1-ps19.pth',
}


def resnet50(pretrained: bool | str = False, **options) -> nn.Module:
    """ResNet-50: (B, 3, H, W) to maps of 256, 512, 1024, 2048 channels.

    Args:
        pretrained: True for the published weights, which are downloaded
            into the cache folder (``$MMDET_PS_WEIGHTS`` or
            ``~/.cache/mmdet_ps``) unless they are there; or a file.
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
    """The published weights of a backbone, downloaded if need be."""
    folder = os.environ.get(CACHE_VARIABLE, DEFAULT_CACHE)
    path = Path(folder).expanduser() / FILES[name]
    if not path.is_file():
        url = f'{PUBLISHED}/{path.name}'
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path))
        except OSError as error:  # of which urllib's errors are kinds
            raise CheckpointError(
                f'{name}(pretrained=True) wants {path}, which is not there '
                f'and cannot be downloaded from {url} ({error}): put it '
                f'there (or name another folder by {CACHE_VARIABLE}), or '
                'pass the path of a file'
            ) from None
    return path


def _load(name: str, backbone: nn.Module, pretrained: bool | str) -> nn.Module:
    if not pretrained:
        return backbone
    path = cached_weights(name) if pretrained is True else pretrained
    report = load_weights(backbone, path)
    print_log(f'{name} from {path}: {report.table()}', logger='current')
    return backbone
