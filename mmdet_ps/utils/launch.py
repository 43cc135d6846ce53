"""What the command-line tools share: arguments, configuration, processes."""

import argparse
import os
from pathlib import Path

import torch
from mmengine.config import Config

from .configuration import (
    OptionsAction,
    apply_options,
    follow_num_workers,
    read_config,
)

RANK_VARIABLES = dict(
    pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK'
)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing have in common."""
    parser.add_argument('config', help='configuration file')
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
        or str(Path('work_dirs') / Path(args.config).stem)
    )
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return cfg


def process_rank(launcher: str) -> int:
    """Number of this process among those started together.

    Known before they have met.

    Args:
        launcher: See ``--launcher``.
    """
    return int(os.environ.get(RANK_VARIABLES.get(launcher, ''), 0))


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


def start_processes(cfg: Config) -> None:
    """Join the process group when several processes run on CPUs.

    With a GPU mmengine does this itself; its start-up asks CUDA for a device
    even where the group talks through gloo, and gives the model's wrapper a
    device number. Both fail without a GPU.
    """
    distributed = torch.distributed
    if cfg.launcher != 'pytorch' or torch.cuda.is_available():
        return
    if not distributed.is_initialized():
        distributed.init_process_group(backend='gloo')
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
