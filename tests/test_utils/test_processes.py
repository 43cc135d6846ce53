"""How the processes of a run meet, and how they end."""

import multiprocessing
import os
import signal
import time

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.processes import (
    adopt_slurm,
    naming_lost_processes,
    process_rank,
    start_processes,
)
from tests.distributed import free_port

NAMES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What a test sets in the environment ends with it."""
    for name in NAMES:
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)


def set_slurm(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setenv(f'SLURM_{name}', value)


def test_slurm_says_what_torchrun_says(monkeypatch):
    set_slurm(monkeypatch, PROCID='5', NTASKS='8', LOCALID='1', NNODES='1')
    assert process_rank('slurm') == 5
    assert process_rank('none') == 0
    adopt_slurm()
    assert [os.environ[name] for name in NAMES[:3]] == ['5', '8', '1']


def test_without_srun_the_remedy_is_named(monkeypatch):
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    with pytest.raises(UserError, match='SLURM_PROCID is not set.*slurm.sh'):
        adopt_slurm()


def test_several_nodes_need_the_name_of_the_first(monkeypatch):
    set_slurm(monkeypatch, PROCID='5', NTASKS='8', LOCALID='1', NNODES='2')
    with pytest.raises(UserError, match='2 nodes, but MASTER_ADDR'):
        adopt_slurm()


def exchange_until_lost(rank, port, patience, results):
    os.environ.update(
        SLURM_PROCID=str(rank),
        SLURM_NTASKS='2',
        SLURM_LOCALID=str(rank),
        SLURM_NNODES='1',
        MASTER_PORT=str(port),
    )
    cfg = Config(dict(launcher='slurm'))
    cfg.env_cfg = dict(dist_cfg=dict(timeout=patience))
    start_processes(cfg)
    assert cfg.model_wrapper_cfg.device_ids is None
    try:
        with naming_lost_processes():
            while True:
                dist.all_reduce(torch.ones(1))
                results.put(rank)
                time.sleep(0.05)
    except UserError as error:
        results.put(str(error))


@pytest.mark.parametrize('end', [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_process_ends_the_others_with_a_message(end):
    port = free_port()
    fork = multiprocessing.get_context('fork')
    results = [fork.SimpleQueue(), fork.SimpleQueue()]
    processes = [
        fork.Process(
            target=exchange_until_lost, args=(rank, port, 5, results[rank])
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    try:
        assert results[1].get() == 1  # they have met
        os.kill(processes[1].pid, end)
        while isinstance(message := results[0].get(), int):
            pass
        assert 'another process of this run has ended' in message
        assert '--resume' in message
    finally:
        for process in processes:
            process.kill()
            process.join()


def test_other_errors_stay_what_they_are():
    with (
        pytest.raises(RuntimeError, match='size mismatch'),
        naming_lost_processes(),
    ):
        raise RuntimeError('size mismatch')
