"""The whole pipeline on synthetic data, from rendering to a report.

Renders the synthetic datasets, prepares them, pre-trains, formats the
weights, fine-tunes on every target from pre-trained weights and from the same
random start, tests, and prints one table. A finished stage is not run again;
an interrupted training continues from its last checkpoint.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.comparison import TARGETS, ComparisonFolder
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json

from .experiments.trainings import (
    FINETUNE_CONFIG,
    METHODS,
    SOURCE_FOLDERS,
    pretraining_config,
    schedule_options,
)
from .run_queue import Run, RunQueue, current_commit, environment_of_runs

ROOT = Path(__file__).resolve().parents[1]
# The quickest of the methods to train.
METHOD = 'nae'
# The pre-training has all steps of its configuration; fine-tuning stops early,
# so that the whole takes about a quarter of an hour on two cores.
PRETRAIN_ITERS = 300
FINETUNE_ITERS = 200
# The third, equal compute, would take longer than all others together.
STARTS = ('scratch', 'pretrained')


@dataclass
class Settings:
    """What decides the figures of a quickstart.

    Args:
        seed: Seed of the data and of every training.
        smoke: Run every stage on the smallest data for a few steps. That
            shows that the pipeline works; its scores mean nothing.
    """

    seed: int
    smoke: bool

    @property
    def size(self) -> str:
        """Size preset of the synthetic data."""
        return 'tiny' if self.smoke else 'quick'

    def train_options(self, iterations: int) -> list[str]:
        """Options of tools/train.py for a training of so many steps."""
        options = ['--seed', str(self.seed), '--resume', '--cfg-options']
        options += schedule_options(iterations, METHODS[METHOD].rate)
        if self.smoke:
            options += ['train_cfg.max_iters=4']
        # Tested once, afterwards, with the results kept.
        parts = ('cfg', 'dataloader', 'evaluator')
        return options + [f'val_{part}=None' for part in parts]


def stages(
    folder: ComparisonFolder, settings: Settings, gpus: str
) -> list[Run]:
    """All stages but the report, each behind those it needs.

    Fine-tuning from a random start needs no pre-training, so it runs beside
    it where there is a second core.
    """
    starts = [(target, start) for start in STARTS for target in TARGETS]
    return [
        data_stage(folder, settings),
        pretraining_stage(folder, settings, gpus),
        *(finetuning_stage(folder, settings, *s, gpus) for s in starts),
    ]


def data_stage(folder: ComparisonFolder, settings: Settings) -> Run:
    """Render the synthetic datasets and prepare them."""
    data = str(folder.data)
    make = [sys.executable, 'tools/make_synthetic.py', data]
    make += ['--seed', str(settings.seed), '--size', settings.size]
    make += ['--sets', *TARGETS.values(), *SOURCE_FOLDERS]
    prepare = [sys.executable, 'tools/prepare_data.py', 'all', data]
    return Run('synthetic-data', [make, prepare], label='synthetic data')


def pretraining_stage(
    folder: ComparisonFolder, settings: Settings, gpus: str
) -> Run:
    """Pre-train, and format the weights."""
    work_dir = str(folder.pretraining)
    config = pretraining_config(METHOD)
    train = ['sh', 'run_train.sh', config, gpus]
    train += settings.train_options(PRETRAIN_ITERS)
    script = 'tools/format_epoch_weights_for_pretraining.sh'
    return Run(
        'pre-train',
        [train, ['sh', script, work_dir]],
        needs=['synthetic-data'],
        environment=dict(WORK_DIR=work_dir),
        label='pre-training',
    )


def finetuning_stage(
    folder: ComparisonFolder,
    settings: Settings,
    target: str,
    start: str,
    gpus: str,
) -> Run:
    """Fine-tune on one target from one start, and test."""
    config = FINETUNE_CONFIG.format(METHODS[METHOD].finetuning, target)
    work_dir = folder.run(target, start)
    train = ['sh', 'run_train_alignps.sh', config, gpus]
    needs = ['synthetic-data']
    if start == 'pretrained':
        train.append(str(folder.pretraining / 'pretrained_all.pth'))
        needs.append('pre-train')
    train += settings.train_options(FINETUNE_ITERS)
    test = [sys.executable, 'tools/test.py', config, str(work_dir)]
    test += ['--work-dir', str(work_dir)]
    test += ['--out', str(work_dir / 'results.pkl')]
    test += ['--json', str(work_dir / 'scores.json')]
    return Run(
        f'fine-tune_{work_dir.name}',
        [train, test],
        needs=needs,
        environment=dict(WORK_DIR=str(work_dir)),
        label='fine-tuning and testing',
    )


def collect(folder: ComparisonFolder, seed: int, finished: dict) -> list[dict]:
    """The rows of ``metrics.json``, read from the runs."""
    rows = []
    for target in TARGETS:
        for start in STARTS:
            run = folder.run(target, start)
            scores = json.loads((run / 'scores.json').read_text())
            rows.append(
                dict(
                    target=target,
                    method=METHOD,
                    start=start,
                    seed=seed,
                    mAP=scores['search/mAP'],
                    top1=scores['search/top1'],
                    commit=finished[f'fine-tune_{run.name}']['commit'],
                )
            )
    return rows


def print_tables(rows: list[dict], finished: dict[str, dict]) -> None:
    """Print the scores, and how the time splits."""
    print(f'\n{"target":14s}{"start":12s}{"mAP":>8s}{"top-1":>8s}')
    for row in rows:
        print(
            f'{row["target"]:14s}{row["start"]:12s}'
            f'{100 * row["mAP"]:8.1f}{100 * row["top1"]:8.1f}'
        )
    totals: dict[str, float] = {}
    for run in finished.values():
        totals[run['label']] = totals.get(run['label'], 0) + run['seconds']
    print('\nseconds by stage (those that ran side by side are added up)')
    for label, seconds in totals.items():
        print(f'  {label:28s}{seconds:8.1f}')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    cores = os.cpu_count() or 1
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/quickstart')
    )
    parser.add_argument('--seed', type=seed_number, default=0)
    parser.add_argument(
        '--workers',
        type=whole_number(1),
        default=min(6, cores),
        help='trainings at a time (default: one per core)',
    )
    parser.add_argument(
        '--installed-in',
        type=float,
        help='seconds the installation took, for the table of times',
    )
    parser.add_argument(
        '--smoke',
        action='store_true',
        help='a few steps on the smallest data: shows that every stage works',
    )
    return parser.parse_args()


def number_of_gpus() -> int:
    """GPUs that PyTorch can use."""
    import torch  # takes seconds, which --help does not need

    return torch.cuda.device_count()


def main() -> None:
    """Run every stage that is not done, then show what came out."""
    args = parse_args()
    begin = time.time()
    folder = ComparisonFolder(args.work_dir.resolve())
    threads = max(1, (os.cpu_count() or 1) // args.workers)
    queue = RunQueue(
        folder.root,
        cwd=ROOT,
        environment=environment_of_runs(ROOT, folder.data, threads),
        notes=dict(commit=current_commit(ROOT)),
    )
    if args.installed_in:
        install = dict(label='install', seconds=args.installed_in)
        queue.finished.setdefault('install', install)
    settings = Settings(args.seed, args.smoke)
    runs = stages(folder, settings, str(min(1, number_of_gpus())))
    if any(run.name not in queue.finished for run in runs):
        queue.forget('report')  # it would show old figures
    failures = queue.execute(runs, args.workers)
    if failures:
        raise UserError('; '.join(failures))

    rows = collect(folder, args.seed, queue.finished)
    write_json(folder.metrics, rows, indent=1)
    make_report = 'tools/analysis_tools/make_report.py'
    command = [sys.executable, make_report, str(folder.root)]
    failures = queue.execute([Run('report', [command], label='report')])
    if failures:
        raise UserError(failures[0])
    print_tables(rows, queue.finished)
    print(f'\nthis call took {time.time() - begin:.0f} s')
    print(f'figures  {folder.metrics}')
    print(f'pictures {folder.page}')
