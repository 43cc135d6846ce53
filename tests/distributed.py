"""Run a function in several gloo processes on the CPU."""

import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _start(rank, function, world_size, port, results, args):
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'tcp://127.0.0.1:{port}',
        rank=rank,
        world_size=world_size,
    )
    results[rank] = function(rank, *args)
    dist.destroy_process_group()


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def run_distributed(function, *args, world_size=2):
    """Results of ``function(rank, *args)`` of every rank, in rank order.

    The function must be importable (a module-level function of a test).
    """
    port = free_port()
    with mp.Manager() as manager:
        results = manager.dict()
        mp.start_processes(
            _start,
            (function, world_size, port, results, args),
            world_size,
            start_method='fork',
        )
        return [results[rank] for rank in range(world_size)]
