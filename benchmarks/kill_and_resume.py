"""Kill trainings at random moments, resume them, and compare their ends.

``python benchmarks/kill_and_resume.py DATA_ROOT [--moments 20] [--json OUT]``

``DATA_ROOT`` holds prepared synthetic data (``tools/make_synthetic.py``, then
``tools/prepare_data.py``). Each case trains thin models for a few steps, once
to its end and then once per moment: killed there by SIGKILL and resumed. Both
ends must be the same, bit for bit. One in five moments lies anywhere from the
start of the process, the others after the first checkpoint; all are drawn
evenly over the time that an unbroken training took, so that some fall into
the writing of a checkpoint. BSL's two optimizers train in fp16, under one
scale of the loss that changes from step to step.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from multiprocessing.context import ForkProcess
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from yapf.yapflib import yapf_api

import mmdet_ps.registration  # noqa: F401  registers every part
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    run_command,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.files import write_json
from mmdet_ps.utils.safe_load import load_file
from mmdet_ps.utils.work_folder import POINTER, latest_checkpoint

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_engine.small_training import differences, end_of  # noqa: E402

# Configuration and images per step.
CASES = {
    'fine-tuning': ('nae_r18-c4_1xb4-300_prw', 4),
    'two optimizers': ('bsl_r18-c4_1xb4-300_prw', 2),
    'hybrid pre-training': (
        'hybrid-pretrain_nae-r18-c4_1xb8-300_four-sources',
        4,
    ),
}


def configuration(case: str, workers: int) -> Config:
    """The configuration of a case, with a checkpoint every two steps.

    Pictures are small, and none is drawn: most of the time should be steps,
    validations and checkpoints.
    """
    name, batch_size = CASES[case]
    cfg = Config.fromfile(ROOT / 'configs' / 'synthetic' / f'{name}.py')
    cfg.log_level = 'ERROR'
    cfg.default_hooks.checkpoint.update(interval=2, max_keep_ckpts=1)
    cfg.train_cfg.update(max_iters=8, val_interval=4)
    cfg.custom_hooks = [
        hook
        for hook in cfg.custom_hooks
        if hook['type'] != 'RankingVisualizationHook'
    ]
    if case == 'two optimizers':
        train_in_parts(cfg)
    loader = cfg.train_dataloader
    loader.update(batch_size=batch_size, num_workers=workers)
    loader.persistent_workers = workers > 0
    if case == 'hybrid pre-training':
        loader.sampler.update(batch_size=batch_size, source_ratio=[1] * 4)
    else:
        loader.dataset.pipeline[2].scales = [(152, 96), (176, 112)]
        cfg.val_dataloader.dataset.pipeline[1].scale = (152, 96)
    if case == 'fine-tuning':  # as the recipes for real data
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
        loader.sampler = dict(type='DefaultSampler', shuffle=True)
        loader.batch_sampler = dict(type='AspectRatioBatchSampler')
    return cfg


def train_in_parts(cfg: Config) -> None:
    """Give a thin BSL the two optimizers of BSL, and one scale in fp16."""
    schedule = cfg.param_scheduler
    cfg.param_scheduler = dict(det=schedule, reid=schedule)
    rate = dict(lr=1e-3, weight_decay=1e-4)
    cfg.optim_wrapper = dict(
        type='MixedPrecisionOptimWrapper',
        constructor='PartsOptimWrapperConstructor',
        dtype='float16',
        # The first steps overflow, and the scale grows after two others.
        loss_scale=dict(init_scale=2.0**20, growth_interval=2),
        clip_grad=cfg.optim_wrapper.clip_grad,
        parts=dict(
            det=dict(optimizer=dict(type='SGD', momentum=0.9, **rate)),
            reid=dict(
                modules=['SeparatedReIDHead'],
                optimizer=dict(type='Adam', **rate),
            ),
        ),
    )


def start(cfg: Config, folder: Path, resume: bool = False) -> ForkProcess:
    """Start a training in a process of its own."""
    cfg = cfg.copy()
    cfg.work_dir = str(folder)
    cfg.resume = resume
    process = multiprocessing.get_context('fork').Process(
        target=train, args=(cfg, folder.with_suffix('.log'))
    )
    process.start()
    return process


def train(cfg: Config, log: Path) -> None:
    """Train, printing into a file."""
    torch.set_num_threads(1)
    # Every checkpoint holds the configuration as formatted text, and to
    # format it takes longer than all steps.
    yapf_api.FormatCode = lambda text, **_: (text, False)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    Runner.from_cfg(cfg).train()


def wait_for_checkpoint(process: ForkProcess, folder: Path) -> None:
    """Wait until a training has written its first checkpoint."""
    while process.is_alive() and not (folder / POINTER).is_file():
        process.join(0.05)


def saved_step(folder: Path) -> int:
    """Step of the newest checkpoint, 0 if there is none."""
    path = latest_checkpoint(folder)
    if path is None:
        return 0
    return load_file(path)['meta']['iter']


def kill_and_resume(
    cfg: Config,
    folder: Path,
    draw: random.Random,
    lengths: tuple[float, float],
) -> tuple[int, bool] | None:
    """Kill a training at a moment, and resume it.

    Args:
        cfg: The training.
        folder: Its work folder.
        draw: Draws the moment.
        lengths: Seconds of an unbroken training, from the start of the
            process and from the first checkpoint.

    Returns:
        tuple: Step of the checkpoint from which it was resumed, 0 for none,
        and whether a file was left half written. None if the training had
        ended before the moment.
    """
    process = start(cfg, folder)
    length = lengths[0]
    if draw.random() < 0.8:
        wait_for_checkpoint(process, folder)
        length = lengths[1]
    process.join(draw.uniform(0, length))
    process.kill()
    process.join()
    if process.exitcode == 0:
        return None
    writing = any(folder.glob('.*.part'))
    step = saved_step(folder)
    process = start(cfg, folder, resume=True)
    process.join()
    if process.exitcode:
        raise RuntimeError(f'{folder}: the resumed training failed')
    return step, writing


def measure(
    case: str, workers: int, moments: int, folder: Path, seed: int
) -> dict:
    """How many of the killed trainings of a case ended alike."""
    cfg = configuration(case, workers)
    began = time.perf_counter()
    process = start(cfg, folder / 'unbroken')
    wait_for_checkpoint(process, folder / 'unbroken')
    saved = time.perf_counter()
    process.join()
    if process.exitcode:
        raise RuntimeError(f'{folder}: the unbroken training failed')
    ended = time.perf_counter()
    wanted = end_of(folder / 'unbroken')
    draw = random.Random(seed)
    row = dict(case=case, workers=workers, killed=0, same=0, writing=0)
    row['steps'] = []
    while row['killed'] < moments:
        place = Path(tempfile.mkdtemp(dir=folder))
        lengths = (ended - began, ended - saved)
        resumed = kill_and_resume(cfg, place, draw, lengths)
        if resumed is None:
            shutil.rmtree(place)
            continue
        step, writing = resumed
        row['killed'] += 1
        row['writing'] += writing
        row['steps'].append(step)
        found = differences(wanted, end_of(place))
        row['same'] += not found
        if found:
            print(f'{place} (from step {step}) differs: {found[:5]}')
        shutil.rmtree(place)
    return row


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('data_root', help='folder of prepared synthetic data')
    parser.add_argument('--moments', type=whole_number(1), default=20)
    parser.add_argument(
        '--workers', type=whole_number(), nargs='+', default=[0, 2]
    )
    parser.add_argument('--cases', nargs='+', default=list(CASES))
    parser.add_argument('--seed', type=seed_number, default=0)
    parser.add_argument('--json', help='write the figures to this file')
    return parser.parse_args()


def main() -> int:
    """Run all cases; the exit status tells whether all ends were the same."""
    args = parse_args()
    os.environ['DATA_ROOT'] = args.data_root
    rows = []
    for case in args.cases:
        for workers in args.workers:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(
                    case, workers, args.moments, Path(folder), args.seed
                )
            print(json.dumps(row), flush=True)
            rows.append(row)
    if args.json:
        write_json(args.json, rows, indent=1)
    return int(any(row['same'] < row['killed'] for row in rows))


if __name__ == '__main__':
    run_command(main)
