"""Several processes of one run: how they meet, and how they end."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config

from .errors import UserError

RANK_VARIABLES = dict(
    pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK'
)
# What torch.distributed reads, and what Slurm calls it.
SLURM_VARIABLES = dict(
    RANK='SLURM_PROCID', WORLD_SIZE='SLURM_NTASKS', LOCAL_RANK='SLURM_LOCALID'
)
PORT = '29500'
# Seconds after which a process that does not answer counts as lost. A test
# has the first process compute the scores, and the others wait.
PATIENCE = 1800


def process_rank(launcher: str) -> int:
    """Number of this process among those started together.

    Known before they have met.

    Args:
        launcher: See ``--launcher``.
    """
    return int(os.environ.get(RANK_VARIABLES.get(launcher, ''), 0))


def start_processes(cfg: Config) -> None:
    """Let the processes of a run meet.

    Those that Slurm started are told what torchrun would tell them. On GPUs
    mmengine then joins the process group; its start-up asks CUDA for a device
    even where the group talks through gloo, and gives the model's wrapper a
    device number, both of which fail without a GPU.

    Args:
        cfg: The configuration of the run; its launcher and what its processes
            need are set.

    Raises:
        UserError: It is not said where the first of several nodes is.
    """
    if cfg.launcher == 'slurm':
        adopt_slurm()
        cfg.launcher = 'pytorch'
    if cfg.launcher != 'pytorch':
        return
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', PORT)
    environment = cfg.get('env_cfg') or {}
    group = {'timeout': PATIENCE, **environment.get('dist_cfg', {})}
    cfg.env_cfg = dict(environment, dist_cfg=group)
    if torch.cuda.is_available():
        return
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group(
            backend='gloo',
            timeout=datetime.timedelta(seconds=group['timeout']),
        )
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )


def adopt_slurm() -> None:
    """Set the variables of torch.distributed by those of Slurm."""
    missing = [n for n in SLURM_VARIABLES.values() if n not in os.environ]
    if missing:
        raise UserError(
            f'--launcher slurm, but {missing[0]} is not set: start the '
            'processes by srun, as tools/slurm.sh does'
        )
    nodes = os.environ.get('SLURM_NNODES', '1')
    if nodes != '1' and 'MASTER_ADDR' not in os.environ:
        raise UserError(
            f'{nodes} nodes, but MASTER_ADDR does not say which is the '
            'first: start them by tools/slurm.sh, or set it to the name of '
            'a node'
        )
    for name, source in SLURM_VARIABLES.items():
        os.environ[name] = os.environ[source]


@contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Tell what it means that an exchange between processes fails.

    Raises:
        UserError: Another process has ended, or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).strip().splitlines()
        lost = isinstance(error, torch.distributed.DistError) or (
            text and any(name in text[0] for name in ('gloo', 'NCCL'))
        )
        if not lost:
            raise
        raise UserError(
            'another process of this run has ended (its own message stands '
            f'above, or in the log of its node) or hangs [{text[0]}]; start '
            'all of them again, a training with --resume'
        ) from error
