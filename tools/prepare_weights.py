"""Fetch the weights that configurations start from, before they are needed.

    python tools/prepare_weights.py
    python tools/prepare_weights.py configs/nae/nae_r50-c4_1xb5-7e_prw.py
    python tools/prepare_weights.py hf://OWNER/NAME@REVISION
    python tools/prepare_weights.py --list

Without CONFIG: those of all configurations, and the backbones that the
authors of the paper publish. They are put into $MMDET_PS_WEIGHTS (default:
~/.cache/mmdet_ps). For machines without a network, run this where there is
one and copy the folder, or put the files that --list names there by hand.
With MMDET_PS_OFFLINE=1 nothing is ever downloaded.
"""

import argparse
from pathlib import Path

from mmdet_ps.utils.command_line import ArgumentParser, run_command
from mmdet_ps.utils.configuration import read_config
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.hub import CONFIG, WEIGHTS, is_hub_address
from mmdet_ps.utils.weights_store import (
    address_of,
    find_model,
    find_weights,
    place_of,
    published_backbones,
    remote_weights,
)

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'config',
        nargs='*',
        help='configuration, or a model on the hub (default: all '
        'configurations)',
    )
    parser.add_argument(
        '--list',
        action='store_true',
        help='say which files are wanted, from where, and whether they are '
        'there; fetch nothing',
    )
    return parser.parse_args(argv)


def wanted_weights(configs: list[str]) -> list[str]:
    """Names and addresses of weights, each once."""
    names = [] if configs else published_backbones()
    for path in configs or sorted(CONFIGS.glob('[!_]*/*.py')):
        names += remote_weights(read_config(path)._cfg_dict)
    return list(dict.fromkeys(names))


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    args = parse_args(argv)
    models = [name for name in args.config if is_hub_address(name)]
    configs = [name for name in args.config if not is_hub_address(name)]
    for address in [] if args.list else models:
        folder = find_model(address)
        print(f'{folder / CONFIG}\n{folder / WEIGHTS}: ready ({address})')
    if models and not configs:
        return
    names = wanted_weights(configs)
    failures = []
    for name in names:
        address = address_of(name)
        path = place_of(address)
        if args.list:
            state = 'there' if path.is_file() else 'missing'
            print(f'{path}: {state}; from {address}')
            continue
        try:
            print(f'{find_weights(name)}: ready ({name})', flush=True)
        except UserError as error:
            failures.append(str(error))
    if failures:
        raise UserError('; '.join(failures))
    if not names:
        print('nothing is to be fetched')


if __name__ == '__main__':
    run_command(main)
