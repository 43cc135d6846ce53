"""What the command-line tools share: arguments and configuration."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config

from ..resources import find_config
from .configuration import (
    OptionsAction,
    apply_options,
    follow_num_workers,
    read_config,
)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing have in common."""
    parser.add_argument(
        'config', help='configuration: its file, or the name of that alone'
    )
    parser.add_argument(
        '--work-dir',
        help='folder of logs and checkpoints '
        '(default: work_dirs/<name of the configuration>)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        help='override settings of the configuration, as key=value; '
        'nested keys are joined by dots, lists written key="[a,b]"',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes were started (torchrun: pytorch)',
    )
    # torch.distributed.launch passes --local-rank, torchrun sets the variable.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS,
    )


def load_config(args: argparse.Namespace) -> Config:
    """Read the configuration named on the command line and apply overrides.

    Raises:
        UserError: The configuration file does not exist or is none, or an
            override names what nothing reads.
    """
    cfg = read_config(args.config)
    apply_options(cfg, args.cfg_options or {})
    follow_num_workers(cfg)
    cfg.launcher = args.launcher
    cfg.work_dir = (
        args.work_dir
        or cfg.get('work_dir')
        or str(Path('work_dirs') / find_config(args.config).stem)
    )
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return cfg


def require_complete_weights(cfg: Config) -> None:
    """Let a run refuse weights that do not make a whole model.

    A test of weights that were loaded in part gives figures that mean
    nothing.
    """
    hooks = list((cfg.get('default_hooks') or {}).values())
    hooks += cfg.get('custom_hooks') or []
    checked = [
        hook for hook in hooks if hook and hook['type'] == 'CheckedLoadHook'
    ]
    if not checked:
        checked = [dict(type='CheckedLoadHook')]
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), *checked]
        checked = cfg.custom_hooks[-1:]
    for hook in checked:
        hook['complete'] = True
