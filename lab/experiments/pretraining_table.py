"""What hybrid pre-training is worth: tables from many short trainings.

Each method is pre-trained once per seed and fine-tuned on every target from
there, from the same random start, and from that start with the compute of
both stages. --ablation compares parts of the pre-training instead. Finished
runs are kept in --work-dir and not repeated; killed ones go on.

    python tools/make_synthetic.py data --size quick
    python tools/prepare_data.py all data
    python tools/analysis_tools/pretraining_table.py --data-root data
"""

import argparse
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.comparison import STARTS, TARGETS
from mmdet_ps.utils.errors import UserError

from ..run_queue import RunQueue, current_commit, environment_of_runs
from .result_table import ResultTable, read_scores
from .trainings import (
    METHODS,
    VARIANTS,
    Training,
    ablation_runs,
    number_of_images,
    table_runs,
)

ROOT = Path(__file__).resolve().parents[2]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data-root', type=Path, default=Path('data'))
    parser.add_argument(
        '--seeds', type=seed_number, nargs='+', default=[0, 1, 2]
    )
    parser.add_argument(
        '--methods', nargs='+', choices=METHODS, default=list(METHODS)
    )
    parser.add_argument(
        '--targets', nargs='+', choices=TARGETS, default=list(TARGETS)
    )
    parser.add_argument(
        '--starts', nargs='+', choices=STARTS, default=list(STARTS)
    )
    parser.add_argument(
        '--ablation',
        action='store_true',
        help='compare parts and amounts of the pre-training, for the first '
        'of the methods and of the targets',
    )
    parser.add_argument('--pretrain-iters', type=whole_number(1), default=200)
    parser.add_argument('--finetune-iters', type=whole_number(1), default=150)
    parser.add_argument(
        '--jobs',
        type=whole_number(1),
        default=2,
        help='runs at a time (default: 2)',
    )
    parser.add_argument(
        '--threads',
        type=whole_number(1),
        default=1,
        help='of each run (default: 1)',
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/pretraining_table')
    )
    parser.add_argument('--out', type=Path, default=Path('docs/results'))
    parser.add_argument(
        '--report-only',
        action='store_true',
        help='write the tables of the rows that --out holds, run nothing',
    )
    return parser.parse_args()


def main() -> None:
    """Run what is missing and write the tables."""
    args = parse_args()
    args.work_dir = args.work_dir.resolve()
    name, column = 'pretraining', 'start'
    columns = list(STARTS)
    if args.ablation:
        name, column = 'ablation', 'variant'
        columns = VARIANTS
    table = ResultTable(args.out / f'{name}.json', column, columns)
    if args.report_only:
        table.write()
        return
    number_of_images(args.data_root / 'CrowdHuman' / 'prepared/train.json')
    runs = ablation_runs(args) if args.ablation else table_runs(args)
    queue = RunQueue(
        args.work_dir,
        cwd=ROOT,
        environment=environment_of_runs(ROOT, args.data_root, args.threads),
        notes=dict(commit=current_commit(ROOT)),
        say_every=60,
    )

    def add_row(run: Training) -> None:
        if run.row is not None:
            commit = queue.finished[run.name]['commit']
            scores = read_scores(args.work_dir / run.name)
            table.add(dict(run.row, **scores, commit=commit))

    failures = queue.execute(runs, args.jobs, add_row)
    if failures:
        raise UserError('; '.join(failures))
    print(f'{table.path}: {len(table.rows)} rows')
