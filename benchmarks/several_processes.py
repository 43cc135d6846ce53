"""Compare training in one process with training in two and four.

``python benchmarks/several_processes.py [--json OUT]`` trains every thin
method, or those of ``--methods``, for three steps on the same batches and
prints the largest differences as a table.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from pathlib import Path

import torch

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.files import write_json

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.test_models.spread import NAMES, compare  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--processes', type=int, nargs='+', default=[2, 4])
    parser.add_argument('--methods', nargs='+', choices=NAMES, default=NAMES)
    parser.add_argument('--json', help='write the figures to this file')
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    args = parse_args()
    logging.disable(logging.INFO)
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    print('| method | processes | losses | memories | weights |')
    print('|---|---|---|---|---|')
    rows = []
    for name in args.methods:
        for number in args.processes:
            row = dict(method=name, processes=number, **compare(name, number))
            rows.append(row)
            print(
                f'| {name} | {number} | {row["loss"]:.0e} | '
                f'{row["memory"]:.0e} | {row["weights"]:.0e} |',
                flush=True,
            )
    if args.json:
        write_json(args.json, rows, indent=1)


if __name__ == '__main__':
    run_command(main)
