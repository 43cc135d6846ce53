"""Backbones by one call, with published or own weights.

The weights that the paper's authors publish in their package ``psvis`` are
dicts whose ``state_dict`` holds the backbone's keys without a prefix, which
is also what ``tools/model_converters/format_pretrained_weights.py --keep
backbone`` writes.
"""

from mmdet.models.backbones import ResNet
from mmengine.logging import print_log
from torch import nn

from mmdet_ps.utils.checkpoint import load_weights
from mmdet_ps.utils.weights_store import FILES, PUBLISHED, find_weights

from .shufflenet_v1 import ShuffleNetV1


def resnet50(
    pretrained: bool | str = False,
    trust: bool = False,
    style: str = 'pytorch',
    **options,
) -> nn.Module:
    """ResNet-50: (B, 3, H, W) to maps of 256, 512, 1024, 2048 channels.

    Args:
        pretrained: True for the published weights, which are downloaded
            into the cache folder (``$MMDET_PS_WEIGHTS`` or
            ``~/.cache/mmdet_ps``) unless they are there; or a file, an
            address, or a name such as ``torchvision://resnet50``.
        trust: Also load a file that could run code of its own.
        style: Which convolution of a bottleneck halves the map: the second
            one (``pytorch``, as ``psvis`` builds it) or the first one
            (``caffe``, as ROI-AlignPS builds it). Weights load into either,
            and their authors do not say in which they were trained;
            ``tools/analysis_tools/stride_layout.py`` measures which is
            likelier.
        options: Of mmdet's ``ResNet``.
    """
    backbone = ResNet(depth=50, style=style, **options)
    return _load('resnet50', backbone, pretrained, trust)


def resnet18(
    pretrained: bool | str = False, trust: bool = False, **options
) -> nn.Module:
    """ResNet-18: (B, 3, H, W) to maps of 64, 128, 256, 512 channels.

    Args:
        pretrained: As of :func:`resnet50`.
        trust: As of :func:`resnet50`.
        options: Of mmdet's ``ResNet``.
    """
    return _load('resnet18', ResNet(depth=18, **options), pretrained, trust)


def shufflenet_v1(
    pretrained: bool | str = False, trust: bool = False, **options
) -> nn.Module:
    """ShuffleNet V1 (3 groups): maps of 240, 480 and 960 channels.

    Args:
        pretrained: As of :func:`resnet50`.
        trust: As of :func:`resnet50`.
        options: Of :class:`ShuffleNetV1`.
    """
    options = {'out_indices': (0, 1, 2), **options}
    return _load('shufflenet_v1', ShuffleNetV1(**options), pretrained, trust)


def _load(
    name: str, backbone: nn.Module, pretrained: bool | str, trust: bool
) -> nn.Module:
    if not pretrained:
        return backbone
    path = pretrained
    if pretrained is True:
        path = f'{PUBLISHED}/{FILES[name]}'
    report = load_weights(backbone, find_weights(path), trust)
    print_log(f'{name} from {path}: {report.table()}', logger='current')
    return backbone
