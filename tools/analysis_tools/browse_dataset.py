"""Draw pages of a dataset: boxes, identities, ignored regions.

    browse_dataset.py data/PRW                       # prepared/train.json
    browse_dataset.py data/PRW --split test --view identities
    browse_dataset.py data/prw/train_pid.json --data-root data/PRW/frames
    browse_dataset.py configs/...py                  # what training sees

Colours tell identities apart; grey boxes are unlabelled persons, orange
hatched ones are ignored.
"""

import argparse
from pathlib import Path

import numpy as np

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.images import write_image
from mmdet_ps.visualization.dataset_page import identity_page, scene_page


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('source', type=Path, help='native folder, annotation file or config')
    add('--split', default='train', help='train, test or another of prepared/')
    add('--data-root', type=Path, help='folder of the images of a file')
    add('--view', choices=('scenes', 'identities'), default='scenes')
    add('--out', type=Path, default=Path('work_dirs/browse'), help='folder')
    add('--pages', type=whole_number(1), default=2)
    add(
        '--per-page',
        type=whole_number(1),
        default=12,
        help='images, or identities',
    )
    add(
        '--seed',
        type=whole_number(-1, 2**32 - 1),
        default=0,
        help='which images; -1: the first ones',
    )
    return parser.parse_args(argv)


def make_pages(args: argparse.Namespace) -> list[np.ndarray]:
    """The pages as RGB pictures."""
    # MMDetection takes ten seconds to import, which --help does not need.
    from mmdet_ps.datasets.browsing import (
        config_items,
        file_items,
        identity_rows,
    )

    total = args.pages * args.per_page
    if args.source.suffix == '.py':
        if args.view == 'identities':
            raise UserError('--view identities takes a folder or a file')
        items = config_items(args.source, args.split, total, args.seed)
    elif args.view == 'identities':
        items = identity_rows(
            args.source, args.split, args.data_root, total, args.seed
        )
    else:
        items = file_items(
            args.source, args.split, args.data_root, total, args.seed
        )
    draw = identity_page if args.view == 'identities' else scene_page
    return [
        draw(items[k : k + args.per_page])
        for k in range(0, len(items), args.per_page)
    ]


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    args = parse_args(argv)
    pages = make_pages(args)
    name = args.source.name if args.source.is_dir() else args.source.stem
    for k, page in enumerate(pages):
        path = args.out / f'{name}_{args.split}_{args.view}_{k}.jpg'
        write_image(path, page)
        print(path)


if __name__ == '__main__':
    run_command(main)
