"""The command ``tools/make_synthetic.py``."""

import argparse
import time
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    whole_number,
)
from mmdet_ps.utils.errors import UserError

from .jobs import default_workers
from .make import available_sets, make_sets
from .preview import write_sheets
from .sizes import SIZES

DESCRIPTION = (
    'Draw synthetic person-search data in the native forms of real data sets.'
)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=DESCRIPTION,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('out', type=Path, help='folder the sets are put in')
    parser.add_argument('--seed', type=whole_number(), default=0)
    parser.add_argument('--size', choices=SIZES, default='quick')
    parser.add_argument(
        '--sets',
        nargs='+',
        metavar='NAME',
        help='only these (default: what configs need; tiny: all)',
    )
    parser.add_argument(
        '--workers',
        type=whole_number(1),
        default=default_workers(),
        help='processes; the result does not depend on it',
    )
    parser.add_argument(
        '--preview',
        type=Path,
        metavar='DIR',
        help='also write contact sheets (PNG) of the sets to DIR',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace sets made with other settings',
    )
    return parser.parse_args()


def main() -> None:
    """Draw the sets that are missing, and contact sheets if asked for."""
    args = parse_args()
    names = args.sets or available_sets(args.size)
    unknown = [name for name in names if name not in SIZES[args.size]]
    if unknown:
        raise UserError(
            f'unknown set {unknown[0]}: size {args.size} has '
            f'{", ".join(SIZES[args.size])}'
        )
    start = time.time()
    try:
        make_sets(
            args.out, names, args.seed, args.size, args.workers, args.overwrite
        )
    except ModuleNotFoundError as error:
        raise UserError(f'{error}; pip install {error.name}') from error
    for name in names if args.preview else []:
        for path in write_sheets(args.out, name, args.preview):
            print(f'{path}: contact sheet')
    print(f'{args.out}: {len(names)} sets in {time.time() - start:.1f} s')
