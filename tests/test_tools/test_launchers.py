"""How runs are started on several GPUs, several nodes, and by Slurm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_run_scripts import SHELL

ROOT = Path(__file__).resolve().parents[2]
# Says that there are two GPUs, and what it is called with.
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then echo 2; else echo "$@"; fi
"""
# Starts two processes, as srun does with --ntasks=2.
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
SLURM_PROCID=1 SLURM_LOCALID=1 "$@" &
SLURM_PROCID=0 SLURM_LOCALID=0 "$@"
wait
"""
SCONTROL = """#!/bin/sh
printf '127.0.0.1\\nsecond-node\\n'
"""
TOOL = """
import argparse
import torch
from mmengine.config import Config
from mmdet_ps.utils.processes import start_processes
parser = argparse.ArgumentParser()
parser.add_argument('config')
parser.add_argument('--launcher')
args = parser.parse_args()
start_processes(Config(dict(launcher=args.launcher)))
total = torch.ones(1)
torch.distributed.all_reduce(total)
rank = torch.distributed.get_rank()
print(f'{args.config}: process {rank} of {int(total)}', flush=True)
"""


def write(folder, **scripts):
    """Executable files; the folder."""
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def train(folder, *arguments, **environment):
    return subprocess.run(
        [SHELL, 'run_train_alignps.sh', *arguments],
        cwd=ROOT,
        env={**os.environ, 'PYTHON': str(folder / 'python'), **environment},
        capture_output=True,
        text=True,
    )


def test_one_node_needs_no_address(tmp_path):
    done = train(write(tmp_path, python=PYTHON), '2')
    assert '--standalone --nproc_per_node=2 tools/train.py' in done.stdout
    assert done.stdout.rstrip().endswith('--launcher pytorch')


def test_several_nodes_are_told_of_each_other(tmp_path):
    write(tmp_path, python=PYTHON)
    two = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first-node')
    done = train(tmp_path, **two)
    assert (
        '--nnodes=2 --node_rank=1 --master_addr=first-node '
        '--master_port=29500 --nproc_per_node=2 tools/train.py'
    ) in done.stdout
    checked = train(tmp_path, '--check', **two)
    assert checked.stdout.startswith('tools/train.py')
    assert '--launcher' not in checked.stdout


@pytest.mark.parametrize('name', ['NODE_RANK', 'MASTER_ADDR'])
def test_what_a_node_must_be_told_is_named(tmp_path, name):
    two = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first-node')
    del two[name]
    done = train(write(tmp_path, python=PYTHON), **two)
    assert done.returncode != 0
    assert f'{name}: ' in done.stderr


def slurm(folder, *arguments, **environment):
    return subprocess.run(
        [SHELL, 'tools/slurm.sh', *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            'PATH': f'{folder}{os.pathsep}{os.environ["PATH"]}',
            'PYTHON': sys.executable,
            'PYTHONPATH': str(ROOT),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_processes_of_slurm_meet(tmp_path):
    write(tmp_path, srun=SRUN, scontrol=SCONTROL)
    (tmp_path / 'tool.py').write_text(TOOL)
    done = slurm(
        tmp_path,
        *(str(tmp_path / 'tool.py'), 'a_config'),
        CUDA_VISIBLE_DEVICES='',
        SLURM_JOB_ID=str(os.getpid()),
        SLURM_JOB_NODELIST='node[1-2]',
        SLURM_NTASKS='2',
        SLURM_NNODES='2',
    )
    assert done.returncode == 0, done.stderr
    for rank in range(2):
        assert f'a_config: process {rank} of 2' in done.stdout


def test_outside_of_slurm_the_command_is_named(tmp_path):
    done = slurm(tmp_path, 'tools/train.py', SLURM_JOB_ID='')
    assert done.returncode == 1
    assert done.stderr.startswith('error: not in a job of Slurm')
    assert 'sbatch' in done.stderr
