"""What hybrid pre-training is worth: tables from many short trainings.

Of --tables, ``starts`` pre-trains each method once per seed and fine-tunes it
on every target from there, from the same random start, and from that start
with the compute of both stages. ``curve`` shows how many steps on the target
are enough. The others take the first of --methods and of --targets: ``labels``
shows what labelled scenes are worth, ``ablation`` compares parts of the
pre-training, ``transfer`` which of its weights should be carried over, and
how. Finished runs are kept in --work-dir and not repeated; killed ones go on.
Rows measured elsewhere are taken in with --add-rows.

    python tools/make_synthetic.py data --size quick
    python tools/prepare_data.py all data
    python tools/analysis_tools/pretraining_table.py --data-root data
"""

import argparse
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    number,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.comparison import STARTS, TARGETS
from mmdet_ps.utils.errors import UserError

from ..run_queue import RunQueue, current_commit, environment_of_runs
from .result_table import ResultTable, read_scores
from .tables import DATA_SHARES, LENGTHS, PARTS, TABLES
from .trainings import METHODS, Training, number_of_images

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
        '--tables', nargs='+', choices=TABLES, default=['starts']
    )
    parser.add_argument(
        '--variants',
        nargs='+',
        choices=[*PARTS, *DATA_SHARES],
        default=[*PARTS, *DATA_SHARES],
        metavar='NAME',
        help='rows of the table ablation to measure (default: all)',
    )
    parser.add_argument(
        '--lengths',
        type=number(0.1),
        nargs='+',
        default=list(LENGTHS),
        metavar='FACTOR',
        help='steps of the table curve, as multiples of --finetune-iters '
        '(default: %(default)s)',
    )
    parser.add_argument('--pretrain-iters', type=whole_number(1), default=900)
    parser.add_argument('--finetune-iters', type=whole_number(1), default=900)
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
        '--add-rows',
        type=Path,
        nargs='+',
        default=[],
        metavar='DIR',
        help='take in the rows of the tables in these folders, written with '
        '--out on other machines; run nothing',
    )
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
    tables = {n: ResultTable(args.out, TABLES[n]) for n in args.tables}
    if args.report_only or args.add_rows:
        for table in tables.values():
            for folder in args.add_rows:
                table.rows.update(ResultTable(folder, table.table).rows)
            table.write()
        return
    number_of_images(args.data_root / 'CrowdHuman' / 'prepared/train.json')
    # A run may stand in several tables.
    runs: dict[str, Training] = {}
    rows: dict[str, list[tuple[ResultTable, dict]]] = {}
    for name, table in tables.items():
        for run in TABLES[name].runs(args):
            runs.setdefault(run.name, run)
            if run.row is not None:
                rows.setdefault(run.name, []).append((table, run.row))
    queue = RunQueue(
        args.work_dir,
        cwd=ROOT,
        environment=environment_of_runs(ROOT, args.data_root, args.threads),
        notes=dict(commit=current_commit(ROOT)),
        say_every=60,
    )

    def add_rows(run: Training) -> None:
        for table, row in rows.get(run.name, []):
            commit = queue.finished[run.name]['commit']
            scores = read_scores(args.work_dir / run.name)
            table.add(dict(row, **scores, commit=commit))

    failures = queue.execute(list(runs.values()), args.jobs, add_rows)
    if failures:
        raise UserError('; '.join(failures))
    for table in tables.values():
        print(f'{table.path}: {len(table.rows)} rows')
