"""The whole pipeline on synthetic data, from rendering to a report.

Renders the synthetic datasets, prepares them, pre-trains, formats the
weights, fine-tunes on every target from pre-trained weights and from the same
random start, tests, and prints one table. A finished stage leaves a stamp and
is not run again; an interrupted training continues from its last checkpoint.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
METHOD = 'roi-alignps'
TARGETS = {
    'cuhk-sysu': 'CUHK-SYSU',
    'prw': 'PRW',
    'posetrack21': 'PoseTrack21',
}
SOURCES = (
    'CrowdHuman',
    'CrowdHuman-2',
    'Market-1501-v15.09.15',
    'MSMT17_V1',
)
STARTS = ('scratch', 'pretrained')
PRETRAIN_CONFIG = (
    'configs/synthetic/hybrid-pretrain_r18_1xb8-300_crowdhuman-market.py'
)
FINETUNE_CONFIG = 'configs/synthetic/{method}_r18_1xb4-300_{target}.py'


@dataclass
class Stage:
    """Commands that together make one thing, run once.

    ``commands`` run one after another in the project's root; ``label`` is the
    heading in the table of times the stage counts under.
    """

    name: str
    label: str
    commands: list[list[str]]
    environment: dict[str, str] = field(default_factory=dict)


class Quickstart:
    """Runs stages, remembers which are done, and how long they took."""

    def __init__(self, work_dir: Path, settings: dict) -> None:
        self.work_dir = work_dir
        self.settings = settings
        self.commit = _commit()
        self.lock = threading.Lock()
        self.ran = False  # whether this call has run any stage
        self.stamps = work_dir / 'stages.json'
        self.done: dict[str, dict] = {}
        if self.stamps.is_file():
            self.done = json.loads(self.stamps.read_text())
        chosen = work_dir / 'settings.json'
        if not chosen.is_file():
            _write(chosen, json.dumps(settings))
        elif json.loads(chosen.read_text()) != settings:
            sys.exit(
                f'error: {work_dir} holds a run with {chosen.read_text()}, '
                f'this one has {json.dumps(settings)}; choose another '
                '--work-dir'
            )

    def run(self, stages: list[Stage], workers: int = 1) -> None:
        """Run the stages not yet done, ``workers`` of them at a time."""
        with ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(self._run_one, s) for s in stages]:
                future.result()

    def _run_one(self, stage: Stage) -> None:
        if stage.name in self.done:
            self._say(f'{stage.name:32s} done before')
            return
        self.ran = True
        start = time.time()
        log = self.work_dir / 'logs' / f'{stage.name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **stage.environment}
        with log.open('w') as stream:
            for command in stage.commands:
                print('$', *command, file=stream, flush=True)
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                )
                self._watch(process, stage.name, log, start)
        seconds = time.time() - start
        with self.lock:
            self.done[stage.name] = dict(
                label=stage.label, seconds=round(seconds, 1)
            )
            _write(self.stamps, json.dumps(self.done, indent=1))
        self._say(f'{stage.name:32s} {seconds:6.1f} s')

    def _watch(
        self, process: subprocess.Popen, name: str, log: Path, start: float
    ) -> None:
        """Wait for a process, saying every few seconds how far it is."""
        while True:
            try:
                code = process.wait(timeout=10)
                break
            except subprocess.TimeoutExpired:
                self._say(
                    f'{name:32s} {time.time() - start:6.1f} s  '
                    f'{_progress(log)}'
                )
        if code:
            lines = log.read_text(errors='replace').splitlines()
            tail = '\n'.join(lines[-15:])
            sys.exit(
                f'{tail}\nerror: stage {name} failed; the whole log is '
                f'{log}. Run the command again to continue.'
            )

    def _say(self, text: str) -> None:
        print(f'[{time.strftime("%H:%M:%S")}] {text}', flush=True)


def _progress(log: Path) -> str:
    """The last "[ 120/300]" of a log, as text."""
    with log.open('rb') as stream:
        stream.seek(max(0, log.stat().st_size - 4000))
        text = stream.read().decode(errors='replace')
    steps = re.findall(r'\[\s*(\d+)/\s*(\d+)\]', text)
    return '{}/{}'.format(*steps[-1]) if steps else ''


def _commit() -> str:
    result = subprocess.run(
        ['git', 'rev-parse', '--short=12', 'HEAD'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return result.stdout.strip() or 'unknown'


def _write(path: Path, text: str) -> None:
    """Write a file so that an interruption leaves the old one whole."""
    part = path.with_suffix('.part')
    part.write_text(text)
    part.replace(path)


@dataclass
class Settings:
    """What decides the figures of a quickstart.

    ``smoke`` runs every stage on the smallest data for a few steps: it shows
    that the pipeline works, its scores mean nothing.
    """

    seed: int
    smoke: bool

    @property
    def size(self) -> str:
        """Size preset of the synthetic data."""
        return 'tiny' if self.smoke else 'quick'

    @property
    def train_options(self) -> list[str]:
        """Options of tools/train.py."""
        options = ['--seed', str(self.seed), '--resume', '--cfg-options']
        if self.smoke:
            options += ['train_cfg.max_iters=4']
        # Tested once, afterwards, with the results kept.
        parts = ('cfg', 'dataloader', 'evaluator')
        return options + [f'val_{part}=None' for part in parts]


def pretraining_stages(
    work_dir: Path, settings: Settings, gpus: str, environment: dict
) -> list[Stage]:
    """The stages before fine-tuning: data, pre-training, weights."""
    python = sys.executable
    data = str(work_dir / 'data')
    pretrain = str(work_dir / 'pretrain')
    make = [python, 'tools/make_synthetic.py', data]
    make += ['--seed', str(settings.seed), '--size', settings.size]
    make += ['--sets', *TARGETS.values(), *SOURCES]
    train = ['sh', 'run_train.sh', PRETRAIN_CONFIG, gpus]
    train += settings.train_options
    format_weights = 'tools/format_epoch_weights_for_pretraining.sh'
    return [
        Stage(
            'synthetic-data',
            'synthetic data',
            [make, [python, 'tools/prepare_data.py', 'all', data]],
        ),
        Stage(
            'pre-train',
            'pre-training',
            [train, ['sh', format_weights, pretrain]],
            {**environment, 'WORK_DIR': pretrain},
        ),
    ]


def finetuning_stage(
    work_dir: Path,
    settings: Settings,
    target: str,
    start: str,
    gpus: str,
    environment: dict,
) -> Stage:
    """Fine-tune on one target from one start, and test."""
    config = FINETUNE_CONFIG.format(method=METHOD, target=target)
    name = f'{target}_{start}'
    run = work_dir / 'runs' / name
    train = ['sh', 'run_train_alignps.sh', config, gpus]
    if start == 'pretrained':
        train.append(str(work_dir / 'pretrain/pretrained_all.pth'))
    train += settings.train_options
    test = [sys.executable, 'tools/test.py', config, str(run)]
    test += ['--work-dir', str(run), '--out', str(run / 'results.pkl')]
    test += ['--json', str(run / 'scores.json')]
    return Stage(
        f'fine-tune_{name}',
        'fine-tuning and testing',
        [train, test],
        {**environment, 'WORK_DIR': str(run)},
    )


def collect(quickstart: Quickstart) -> list[dict]:
    """The rows of ``metrics.json``, read from the runs."""
    rows = []
    for target in TARGETS:
        for start in STARTS:
            scores = json.loads(
                (
                    quickstart.work_dir
                    / 'runs'
                    / f'{target}_{start}'
                    / 'scores.json'
                ).read_text()
            )
            rows.append(
                dict(
                    target=target,
                    method=METHOD,
                    start=start,
                    seed=quickstart.settings['seed'],
                    mAP=scores['search/mAP'],
                    top1=scores['search/top1'],
                    commit=quickstart.commit,
                )
            )
    return rows


def print_tables(rows: list[dict], done: dict[str, dict]) -> None:
    """Print the scores, and how the time splits."""
    print(f'\n{"target":14s}{"start":12s}{"mAP":>8s}{"top-1":>8s}')
    for row in rows:
        print(
            f'{row["target"]:14s}{row["start"]:12s}'
            f'{100 * row["mAP"]:8.1f}{100 * row["top1"]:8.1f}'
        )
    totals: dict[str, float] = {}
    for stage in done.values():
        totals[stage['label']] = (
            totals.get(stage['label'], 0) + stage['seconds']
        )
    print('\nseconds by stage (those that ran side by side are added up)')
    for label, seconds in totals.items():
        print(f'  {label:28s}{seconds:8.1f}')


def main() -> None:
    """Run every stage that is not done, then show what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/quickstart')
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--workers',
        type=int,
        default=max(1, min(6, os.cpu_count() or 1)),
        help='fine-tuning runs at a time (default: one per core)',
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
    args = parser.parse_args()
    begin = time.time()
    work_dir = args.work_dir.resolve()
    work_dir.mkdir(parents=True, exist_ok=True)
    settings = Settings(args.seed, args.smoke)
    quickstart = Quickstart(work_dir, asdict(settings))
    if args.installed_in:
        quickstart.done.setdefault(
            'install', dict(label='install', seconds=args.installed_in)
        )

    gpus = str(min(1, torch.cuda.device_count()))
    data = {'DATA_ROOT': str(work_dir / 'data')}
    alone = {**data, 'OMP_NUM_THREADS': str(os.cpu_count() or 1)}
    shared = {**data, 'OMP_NUM_THREADS': '1'}
    quickstart.run(pretraining_stages(work_dir, settings, gpus, alone))
    runs = [
        finetuning_stage(work_dir, settings, target, start, gpus, shared)
        for target in TARGETS
        for start in STARTS
    ]
    quickstart.run(runs, args.workers)

    rows = collect(quickstart)
    _write(work_dir / 'metrics.json', json.dumps(rows, indent=1))
    if quickstart.ran:
        quickstart.done.pop('report', None)  # it would show old figures
    make_report = 'tools/analysis_tools/make_report.py'
    quickstart.run(
        [
            Stage(
                'report',
                'report',
                [[sys.executable, make_report, str(work_dir)]],
                data,
            )
        ]
    )
    print_tables(rows, quickstart.done)
    print(f'\nthis call took {time.time() - begin:.0f} s')
    print(f'figures  {work_dir / "metrics.json"}')
    print(f'pictures {work_dir / "report.html"}')


if __name__ == '__main__':
    main()
