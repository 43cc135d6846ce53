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
import json
import sys
from pathlib import Path

from experiment_runs import (
    Run,
    RunQueue,
    current_commit,
)
from pretraining_report import ResultTable

TARGETS = ('cuhk-sysu', 'prw', 'posetrack21')
STARTS = ('scratch', 'scratch-equal-compute', 'pretrained')
# Method: stem of its fine-tuning and of its pre-training configurations.
METHODS = {
    'roi-alignps': ('roi-alignps_r18', 'r18'),
    'nae': ('nae_r18-c4', 'nae-r18-c4'),
    'bsl': ('bsl_r18-c4', 'bsl-r18-c4'),
}
FINETUNE_CONFIG = 'configs/synthetic/{}_1xb4-300_{}.py'
PRETRAIN_CONFIG = (
    'configs/synthetic/hybrid-pretrain_{}_1xb8-300_crowdhuman-market.py'
)
WARM_UP = 30
# A pre-training step takes 8 pictures, a fine-tuning step 4.
STEP_COST = 2
RATIO = 'train_dataloader.sampler.source_ratio'
SOURCE = 'train_dataloader.dataset.datasets'
ONE_SOURCE_A_BATCH = f'{RATIO}=[[4,0,4,0],[0,4,0,4]]'
EVERYTHING = 'both, image and instance level'
# Variant of the pre-training: options of the configuration.
PARTS = {
    'no pre-training': None,
    'detection only': ['model.alignment=None', f'{RATIO}=[1,1,0,0]'],
    're-ID only': ['model.alignment=None', f'{RATIO}=[0,0,1,1]'],
    'both': ['model.alignment=None'],
    'both, image level': ['model.alignment.instance=None'],
    'both, instance level': ['model.alignment.image=None'],
    EVERYTHING: [],
    f'{EVERYTHING}, weight 0.3': ['model.alignment.weight=0.3'],
    # With all sources in every batch the queue has nothing to add.
    f'{EVERYTHING}, one source a batch': [
        ONE_SOURCE_A_BATCH,
        'model.alignment.queue_size=0',
    ],
    f'{EVERYTHING}, one source a batch, queue': [ONE_SOURCE_A_BATCH],
}
DATA_SHARES = (0.25, 0.5)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data-root', type=Path, default=Path('data'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
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
    parser.add_argument('--pretrain-iters', type=int, default=200)
    parser.add_argument('--finetune-iters', type=int, default=150)
    parser.add_argument(
        '--jobs', type=int, default=2, help='runs at a time (default: 2)'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='of each run (default: 1)'
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


def train_command(
    config: str, seed: int, iterations: int, options: list[str] = ()
) -> list[str]:
    """A training of so many iterations."""
    return [
        sys.executable,
        'tools/train.py',
        config,
        '--resume',
        '--work-dir',
        '{work_dir}',
        '--seed',
        str(seed),
        *options,
        '--cfg-options',
        f'train_cfg.max_iters={iterations}',
        f'param_scheduler.1.end={iterations}',
        f'param_scheduler.1.T_max={iterations - WARM_UP}',
        'default_hooks.checkpoint.max_keep_ckpts=1',
    ]


def pretraining_name(method: str, seed: int, variant: int = 0) -> str:
    """Name of the run; variant 0 is the pre-training in full."""
    return f'pretrain_{method}_{seed}' + (f'_v{variant}' if variant else '')


def pretraining(
    args: argparse.Namespace,
    method: str,
    seed: int,
    variant: int = 0,
    options: list[str] = (),
) -> Run:
    """A pre-training, with its weights formatted."""
    config = PRETRAIN_CONFIG.format(METHODS[method][1])
    train = train_command(config, seed, args.pretrain_iters)
    script = 'tools/format_epoch_weights_for_pretraining.sh'
    return Run(
        pretraining_name(method, seed, variant),
        [[*train, *options], ['sh', script, '{work_dir}']],
    )


def finetuning(
    args: argparse.Namespace,
    name: str,
    row: dict,
    source: str | None,
    iterations: int,
) -> Run:
    """A fine-tuning, from the weights of a pre-training or from none."""
    stem = METHODS[row['method']][0]
    config = FINETUNE_CONFIG.format(stem, row['target'])
    weights = []
    if source is not None:
        path = args.work_dir / source / 'pretrained_all.pth'
        weights = ['--load-from', str(path.resolve())]
    command = train_command(config, row['seed'], iterations, weights)
    # Validation at the end only, and no pictures of it.
    command += [f'train_cfg.val_interval={iterations + 1}', 'custom_hooks=[]']
    return Run(name, [command], [source] if source else [], row)


def table_runs(args: argparse.Namespace) -> list[Run]:
    """The runs of the table: method x target x start x seed.

    Seed by seed, so that an unfinished table has whole columns; the long
    runs come last.
    """
    runs, long_runs = [], []
    for seed in args.seeds:
        for method in args.methods:
            if 'pretrained' in args.starts:
                runs.append(pretraining(args, method, seed))
        for method in args.methods:
            for target in args.targets:
                for start in args.starts:
                    run = table_run(args, method, target, start, seed)
                    equal = start == 'scratch-equal-compute'
                    (long_runs if equal else runs).append(run)
    return runs + long_runs


def table_run(
    args: argparse.Namespace, method: str, target: str, start: str, seed: int
) -> Run:
    """One cell of the table for one seed."""
    row = dict(method=method, target=target, start=start, seed=seed)
    iterations = args.finetune_iters
    if start == 'scratch-equal-compute':
        iterations += STEP_COST * args.pretrain_iters
    source = pretraining_name(method, seed) if start == 'pretrained' else None
    name = f'{method}_{target}_{start}_{seed}'
    return finetuning(args, name, row, source, iterations)


def ablation_runs(args: argparse.Namespace) -> list[Run]:
    """The runs of the ablation: variant x seed, one method and target."""
    method, target = args.methods[0], args.targets[0]
    runs = []
    for seed in args.seeds:
        for index, (variant, options) in enumerate(variants(args).items()):
            source = None
            if options is not None:
                # The full pre-training is the one of the table.
                number = index if options else 0
                source = pretraining_name(method, seed, number)
                runs.append(pretraining(args, method, seed, number, options))
            row = dict(
                method=method, target=target, variant=variant, seed=seed
            )
            name = f'ablation_{method}_{target}_{index}_{seed}'
            runs.append(
                finetuning(args, name, row, source, args.finetune_iters)
            )
    return runs


def variants(args: argparse.Namespace) -> dict[str, list[str] | None]:
    """Options of each pre-training to compare; None is none at all."""
    return {
        **PARTS,
        **{
            amount(share): data_options(args.data_root, share)
            for share in DATA_SHARES
        },
    }


def amount(share: float) -> str:
    """Name of the variant with a share of the data."""
    return f'{EVERYTHING}, {share:.0%} of the data'


def data_options(data_root: Path, share: float) -> list[str]:
    """Options that keep a share of the scenes and of the crops."""
    options = []
    for source, folder in enumerate(
        ['CrowdHuman', 'CrowdHuman-2', 'Market-1501-v15.09.15', 'MSMT17_V1']
    ):
        count = number_of_images(data_root / folder / 'prepared/train.json')
        inner = '' if folder.startswith('Crowd') else '.dataset'
        options.append(
            f'{SOURCE}.{source}{inner}.indices={round(share * count)}'
        )
    return options


def number_of_images(path: Path) -> int:
    """Images of an annotation file."""
    try:
        return len(json.loads(path.read_text())['data_list'])
    except FileNotFoundError:
        root = path.parents[2]
        raise FileNotFoundError(
            f'{path} is not there: run "python tools/make_synthetic.py {root}"'
            f' and "python tools/prepare_data.py all {root}"'
        ) from None


def main() -> None:
    """Run what is missing and write the tables."""
    args = parse_args()
    name, column = 'pretraining', 'start'
    columns = STARTS
    if args.ablation:
        name, column = 'ablation', 'variant'
        columns = [*PARTS, *map(amount, DATA_SHARES)]
    table = ResultTable(args.out / f'{name}.json', column, columns)
    if args.report_only:
        table.write()
        return
    number_of_images(args.data_root / 'CrowdHuman' / 'prepared/train.json')
    runs = ablation_runs(args) if args.ablation else table_runs(args)
    queue = RunQueue(
        args.work_dir, args.threads, args.data_root, current_commit()
    )
    failures = queue.execute(runs, args.jobs, table.add)
    if failures:
        sys.exit('error: ' + '\n       '.join(failures))
    print(f'{table.path}: {len(table.rows)} rows')


if __name__ == '__main__':
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(f'error: {error}')
