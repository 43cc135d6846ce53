"""Write a trained model as a folder that is ready to be uploaded.

    python tools/publish.py CHECKPOINT DIR --name OWNER/NAME --scores FILE

DIR gets the weights (safetensors, without what only a training uses), the
configuration in plain values, the scores, a model card and the SHA-256 of
every file. Upload it with `hf upload OWNER/NAME DIR`; everybody then loads it
by mmdet_ps.apis.init_model('hf://OWNER/NAME'), and from the folder itself by
init_model('DIR').
"""

import argparse
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='checkpoint of a training')
    parser.add_argument('dir', type=Path, help='folder to write')
    parser.add_argument(
        '--config',
        help='configuration of the training (default: the one in CHECKPOINT)',
    )
    parser.add_argument(
        '--scores',
        nargs='+',
        default=[],
        metavar='FILE',
        help='what tools/test_results*.py wrote with --json',
    )
    parser.add_argument(
        '--name', help='on the hub (default: OWNER/ and the name of DIR)'
    )
    parser.add_argument(
        '--license',
        default='',
        metavar='ID',
        help='of the weights, such as cc-by-nc-4.0',
    )
    parser.add_argument(
        '--note', default='', help='sentences for the model card'
    )
    add_trust(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    args = parse_args(argv)
    # Here and not above, so that --help does not wait for MMDetection.
    from mmdet_ps.apis.publishing import Publication, publish, read_scores

    name = args.name or f'OWNER/{args.dir.resolve().name}'
    about = Publication(
        name, args.license, args.note, read_scores(args.scores)
    )
    folder = publish(args.checkpoint, args.dir, about, args.config, args.trust)
    print(f'{folder}: written; next: hf upload {name} {folder}')


if __name__ == '__main__':
    run_command(main)
