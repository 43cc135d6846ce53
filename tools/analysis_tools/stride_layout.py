"""Say in which stride layout the weights of a ResNet were trained.

    python tools/analysis_tools/stride_layout.py resnet50-ps12.pth PICTURES

PICTURES is a folder of pictures like those of the training; some 30 are read.
Weights of the two layouts have the same keys and shapes, so that no load
report tells them apart; the running statistics of the batch norms do. Use the
answer as `style` of the backbone.
"""

import argparse
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError

LONGER_SIDE = 1000  # pixels
SURE = 1.2  # ratio of the gaps from which the answer is clear


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('weights', help='file, address or published name')
    parser.add_argument('pictures', type=Path, help='folder of pictures')
    parser.add_argument(
        '--depth', type=int, default=50, choices=(50, 101, 152)
    )
    parser.add_argument(
        '--mean',
        type=float,
        nargs=3,
        default=(103.53, 116.28, 123.675),
        help='subtracted (default: of BGR pictures)',
    )
    parser.add_argument('--std', type=float, nargs=3, default=(1.0, 1.0, 1.0))
    parser.add_argument(
        '--rgb', action='store_true', help='channels in this order, not BGR'
    )
    parser.add_argument('--number', type=whole_number(1), default=30)
    return parser.parse_args()


def main() -> None:
    """Print the gap of both layouts, and the likelier one."""
    args = parse_args()
    if not args.pictures.is_dir():
        raise UserError(f'{args.pictures}: no such folder')
    # Here, so that mistakes on the command line are told at once.
    import cv2
    import torch

    import mmdet_ps.registration  # noqa: F401
    from mmdet_ps.datasets.native.files import list_images
    from mmdet_ps.models.backbones.stride_layout import gaps_by_style
    from mmdet_ps.utils.weights_store import find_weights

    images = []
    for name in list_images(args.pictures)[: args.number]:
        path = args.pictures / name
        picture = cv2.imread(str(path))
        if picture is None:
            raise UserError(f'{path}: no picture that OpenCV reads')
        scale = min(1.0, LONGER_SIDE / max(picture.shape))
        picture = cv2.resize(picture, None, fx=scale, fy=scale)
        if args.rgb:
            picture = picture[..., ::-1]
        image = torch.tensor(picture.copy()).permute(2, 0, 1).float()
        mean, std = torch.tensor(args.mean), torch.tensor(args.std)
        images.append((image - mean[:, None, None]) / std[:, None, None])
    gaps = gaps_by_style(find_weights(args.weights), images, args.depth)
    for style, gap in gaps.items():
        print(f'style={style!r}: statistics are off by {gap:.3f}')
    best, other = sorted(gaps, key=gaps.get)
    ratio = gaps[other] / max(gaps[best], 1e-9)
    sure = 'likelier' if ratio > SURE else 'likelier, but hardly'
    print(f'{len(images)} pictures: style={best!r} is {sure} ({ratio:.2f}x)')


if __name__ == '__main__':
    run_command(main)
