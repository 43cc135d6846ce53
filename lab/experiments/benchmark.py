"""All methods, and NAE on all backbones, on one synthetic set and one budget.

Every thin model of configs/synthetic is trained on the PRW-like set from a
random start, for the same steps and seeds, and searched with. Finished runs
are kept in --work-dir and not repeated; killed ones go on.

    python tools/make_synthetic.py data --size quick
    python tools/prepare_data.py all data
    python tools/analysis_tools/synthetic_benchmark.py --data-root data
"""

import argparse
import json
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text
from mmdet_ps.utils.results_table import NOTHING, markdown_table, percent

from ..run_queue import RunQueue, current_commit, environment_of_runs
from .result_table import read_scores
from .trainings import (
    WARM_UP,
    Training,
    number_of_images,
    scored_at_the_end,
    train_command,
)

ROOT = Path(__file__).resolve().parents[2]
TARGET = 'prw'
STEM = 'benchmark'
SCORES = {
    'mAP': 'mAP',
    'top-1': 'top1',
    'mAP, annotated boxes': 'mAP_gt_boxes',
    'detection AP': 'detection_AP',
}


def models() -> dict[str, str]:
    """The thin models of configs/synthetic: name -> configuration.

    The name is what the configuration's begins with, ``nae_swin-thin``.
    """
    folder = ROOT / 'configs/synthetic'
    return {
        path.name.split('_1xb')[0]: str(path.relative_to(ROOT))
        for path in sorted(folder.glob(f'*_1xb*_{TARGET}.py'))
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    names = list(models())
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--data-root', type=Path, default=Path('data'))
    add('--models', nargs='+', choices=names, default=names)
    add('--seeds', type=seed_number, nargs='+', default=[0, 1, 2])
    add('--iters', type=whole_number(2), default=300, help='steps of each')
    add('--jobs', type=whole_number(1), default=2, help='runs at a time')
    add('--threads', type=whole_number(1), default=1, help='of each run')
    add('--work-dir', type=Path, default=Path('work_dirs/benchmark'))
    add('--out', type=Path, default=Path('docs/results'))
    add(
        '--report-only',
        action='store_true',
        help='write the table of the rows that --out holds, run nothing',
    )
    return parser.parse_args()


def benchmark_runs(args: argparse.Namespace) -> list[Training]:
    """A training for each model and seed.

    All models with one seed come before the next seed, so that an unfinished
    experiment already compares all models.
    """
    known = models()
    return [
        benchmark_run(args, name, known[name], seed)
        for seed in args.seeds
        for name in args.models
    ]


def benchmark_run(
    args: argparse.Namespace, name: str, config: str, seed: int
) -> Training:
    """The training behind one row, scored when it ends."""
    command = train_command(
        args.work_dir / f'{name}_{seed}', config, seed, args.iters
    )
    if args.iters <= WARM_UP:  # the rate rises for half of so few steps
        rise = args.iters // 2
        command += [
            f'param_scheduler.0.end={rise}',
            f'param_scheduler.1.begin={rise}',
            f'param_scheduler.1.T_max={args.iters - rise}',
        ]
    command += scored_at_the_end(args.iters)
    method, backbone = name.split('_', 1)
    row = dict(
        model=name,
        method=method,
        backbone=backbone,
        target=TARGET,
        seed=seed,
        steps=args.iters,
    )
    return Training(f'{name}_{seed}', [command], row=row)


class BenchmarkTable:
    """Rows in a JSON file, their means in a markdown file beside it.

    Args:
        folder: Folder of both files.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f'{STEM}.json'
        self.rows: dict[tuple, dict] = {}
        if self.path.is_file():
            for row in json.loads(self.path.read_text()):
                self._put(row)

    def _put(self, row: dict) -> None:
        self.rows[row['model'], row['steps'], row['seed']] = row

    def add(self, row: dict) -> None:
        """Take in a row and write both files."""
        self._put(row)
        self.write()

    def write(self) -> None:
        """Write rows and table."""
        rows = [self.rows[key] for key in sorted(self.rows)]
        write_json(self.path, rows, indent=1)
        write_text(self.path.with_suffix('.md'), report(rows))


def report(rows: list[dict]) -> str:
    """The means over the seeds as markdown, the best mAP first."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row['model'], row['steps']), []).append(row)
    lines = []
    for (model, steps), found in groups.items():
        scores = [
            percent([row[key] for row in found if key in row])
            for key in SCORES.values()
        ]
        seconds = [row['seconds'] for row in found if 'seconds' in row]
        mean = round(sum(seconds) / len(seconds)) if seconds else NOTHING
        lines.append([model, steps, len(found), *scores, mean])
    first_score = 3
    lines.sort(key=lambda line: -float(line[first_score].split()[0]))
    header = ['model', 'steps', 'seeds', *SCORES, 'training, s']
    commits = ', '.join(sorted({row['commit'] for row in rows})) or 'none'
    return '\n'.join(
        [
            '# All methods on one synthetic budget',
            '',
            'Generated by `tools/analysis_tools/synthetic_benchmark.py`; do '
            'not edit.',
            '',
            'Thin models on the PRW-like set, from a random start. Mean and '
            'standard deviation over the seeds, in percent; seconds with the '
            f'scoring, of however many runs at a time; commit {commits}. The '
            'figures say nothing about real data.',
            '',
            markdown_table(header, lines),
            '',
        ]
    )


def main() -> None:
    """Run what is missing and write rows and table."""
    args = parse_args()
    table = BenchmarkTable(args.out)
    if args.report_only:
        table.write()
        return
    args.work_dir = args.work_dir.resolve()
    number_of_images(args.data_root / 'PRW/prepared/train.json')
    queue = RunQueue(
        args.work_dir,
        cwd=ROOT,
        environment=environment_of_runs(ROOT, args.data_root, args.threads),
        notes=dict(commit=current_commit(ROOT)),
        say_every=60,
    )

    def add_row(run: Training) -> None:
        done = queue.finished[run.name]
        scores = read_scores(args.work_dir / run.name)
        table.add(
            dict(
                run.row,
                **scores,
                seconds=done['seconds'],
                commit=done['commit'],
            )
        )

    failures = queue.execute(benchmark_runs(args), args.jobs, add_row)
    if failures:
        raise UserError('; '.join(failures))
    print(f'{table.path}: {len(table.rows)} rows')
