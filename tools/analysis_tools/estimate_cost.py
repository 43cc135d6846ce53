"""Estimate what a training step needs before it runs anywhere.

    estimate_cost.py CONFIG                        # memory and operations
    estimate_cost.py CONFIG --gpu-memory 11        # and how to fit 11 GiB
    estimate_cost.py CONFIG --measure              # and what it really takes
    estimate_cost.py --all --out docs/cost.md      # the table of all recipes

The step is followed without allocating or computing its large tensors, on a
batch of the largest pictures that the configuration scales to.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from pathlib import Path

import torch
from cost_page import cost_page, rows_of
from mmengine.config import Config
from mmengine.logging import MMLogger

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.engine.fitting import Setting, fits, settings
from mmdet_ps.engine.random_batch import Pictures
from mmdet_ps.engine.training_cost import (
    GIB,
    PRECISIONS,
    Cost,
    measured_peak,
    step_cost,
)
from mmdet_ps.utils.building import explained
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    number,
    run_command,
    whole_number,
)
from mmdet_ps.utils.configuration import (
    OptionsAction,
    apply_options,
    read_config,
)
from mmdet_ps.utils.errors import UserError


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', nargs='?', help='configuration file')
    parser.add_argument(
        '--gpu-memory',
        type=number(0),
        help='memory of the GPU in GiB: says whether the training fits, and '
        'what to change',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='fp16',
        default='fp32',
        choices=list(PRECISIONS),
        help='in mixed precision (fp16 without a value)',
    )
    parser.add_argument(
        '--batch-size', type=whole_number(1), help='pictures per GPU and step'
    )
    parser.add_argument(
        '--image-size',
        type=image_size,
        help='WIDTHxHEIGHT of the pictures in pixels (default: the largest '
        'that the configuration scales to)',
    )
    parser.add_argument(
        '--persons',
        type=whole_number(0),
        default=20,
        help='annotated persons in each picture (default: 20)',
    )
    parser.add_argument(
        '--measure',
        action='store_true',
        help='also train two steps, on the GPU if there is one, and compare',
    )
    parser.add_argument(
        '--all', action='store_true', help='every recipe in configs/'
    )
    parser.add_argument(
        '--missing',
        action='store_true',
        help='of --all, only the recipes that the file of --out lacks',
    )
    parser.add_argument('--json', help='file for the figures of one CONFIG')
    parser.add_argument('--out', help='file for the table of --all')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        help='override settings of the configuration, as key=value',
    )
    args = parser.parse_args()
    if args.all == bool(args.config):
        raise UserError('name a configuration, or give --all')
    if args.missing and not args.out:
        raise UserError('--missing: give the file by --out')
    return args


def image_size(text: str) -> tuple[int, int]:
    """Width and height of pictures, as an argument."""
    found = re.fullmatch(r'(\d+)x(\d+)', text)
    if not found or not int(found[1]) * int(found[2]):
        raise argparse.ArgumentTypeError(f'{text} is not like 1500x900')
    return int(found[1]), int(found[2])


def batch_of(args: argparse.Namespace) -> dict:
    """What the command line says of the pictures."""
    return dict(size=args.image_size, persons=args.persons)


def say_what_to_change(
    first: Cost, args: argparse.Namespace, cfg: Config, batch_size: int
) -> list[dict]:
    """Print which changes let the step fit; returns them as rows."""
    print(f'\nto fit {args.gpu_memory:g} GiB:')
    rows, found = [], False
    for index, setting in enumerate(settings(cfg, args.amp, batch_size)):
        # Smaller batches only if nothing else is enough.
        if found and setting.batch_size < batch_size:
            break
        cost = setting.cost(**batch_of(args)) if index else first
        enough = fits(cost, args.gpu_memory)
        found = found or enough
        print(
            f'  {cost.peak / GIB:6.2f} GiB  {"fits" if enough else "no  "}  '
            f'{setting}',
            flush=True,
        )
        rows.append(
            dict(setting=str(setting), peak_gib=cost.peak / GIB, fits=enough)
        )
        if found and setting.batch_size < batch_size:
            break
    if not found:
        print('  nothing helps: take smaller pictures (--image-size)')
    return rows


def report(args: argparse.Namespace) -> None:
    """Print the cost of one configuration."""
    cfg = read_config(args.config)
    apply_options(cfg, args.cfg_options or {})
    if args.batch_size:
        cfg.train_dataloader.batch_size = args.batch_size
    batch_size = cfg.train_dataloader.batch_size
    setting = Setting(cfg, args.amp, batch_size, False)
    pictures = setting.pictures(**batch_of(args))
    with explained(args.config):
        cost = setting.cost(**batch_of(args))
    print(f'a step of {describe(pictures)} in {args.amp}')
    for name, size in parts_of(cost).items():
        print(f'  {name:<22}{size / GIB:8.2f} GiB')
    print(f'  {"peak":<22}{cost.peak / GIB:8.2f} GiB')
    print(f'  {"operations":<22}{cost.flops / 1e12:8.2f} TFLOP')
    figures = dict(
        config=args.config,
        precision=args.amp,
        batch_size=batch_size,
        peak_gib=cost.peak / GIB,
        flops=cost.flops,
        fits=None,
        parts={k: v / GIB for k, v in parts_of(cost).items()},
    )
    if args.measure:
        figures.update(measure(setting, pictures, cost))
    if args.gpu_memory:
        figures['fits'] = fits(cost, args.gpu_memory)
        figures['settings'] = say_what_to_change(cost, args, cfg, batch_size)
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1) + '\n')


def describe(pictures: list[Pictures]) -> str:
    """A batch in words."""
    return ' and '.join(
        f'{group.number} pictures of {group.width}x{group.height} '
        f'with {group.persons} persons each'
        for group in pictures
    )


def parts_of(cost: Cost) -> dict[str, int]:
    """What a peak consists of, in bytes."""
    parts = {
        'parameters': cost.parameters,
        'memories, statistics': cost.buffers,
        'optimizer': cost.optimizer,
    }
    if cost.average:
        parts['averaged weights'] = cost.average
    rest = cost.peak - sum(parts.values())
    return {**parts, 'activations, gradients': rest}


def measure(setting: Setting, pictures: list[Pictures], cost: Cost) -> dict:
    """Train two steps for real, and print what they took."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
        peak = measured_peak(setting.cfg, pictures, setting.precision)
    else:
        device = 'CPU'
        peak = step_cost(
            setting.cfg, pictures, setting.precision, stand_in_from=None
        ).peak
    print(
        f'  {"measured":<22}{peak / GIB:8.2f} GiB on {device}; the estimate '
        f'is {cost.peak / peak:.2f} of it'
    )
    return dict(measured_gib=peak / GIB, device=device)


def main() -> None:
    """Print the cost of a configuration, or the table of all."""
    args = parse_args()
    # What parts of a model have to say while they are built.
    warnings.simplefilter('ignore')
    MMLogger.get_current_instance().setLevel('ERROR')
    if args.all:
        rows = rows_of(Path(args.out)) if args.missing else {}
        page = cost_page(rows, **batch_of(args))
        if args.out:
            Path(args.out).write_text(page)
    else:
        report(args)


if __name__ == '__main__':
    run_command(main)
