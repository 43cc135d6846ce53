"""The trainings that show what hybrid pre-training is worth."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from ..run_queue import Run

# Method: stem of its fine-tuning and of its pre-training configurations.
METHODS = {
    'roi-alignps': ('roi-alignps_r18', 'r18'),
    'nae': ('nae_r18-c4', 'nae-r18-c4'),
    'bsl': ('bsl_r18-c4', 'bsl-r18-c4'),
}
FINETUNE_CONFIG = 'configs/synthetic/{}_1xb4-300_{}.py'
PRETRAIN_CONFIG = (
    'configs/synthetic/hybrid-pretrain_{}_1xb8-300_four-sources.py'
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
DATA_SHARES = {
    f'{EVERYTHING}, {share:.0%} of the data': share for share in (0.25, 0.5)
}
VARIANTS = [*PARTS, *DATA_SHARES]


@dataclass
class Training(Run):
    """A run in the folder of its name.

    Attributes:
        row: What its row of the table says beside the scores; None for runs
            without a row.
    """

    row: dict | None = None


def train_command(
    folder: Path,
    config: str,
    seed: int,
    iterations: int,
    options: list[str] = (),
) -> list[str]:
    """A training of so many iterations."""
    return [
        sys.executable,
        'tools/train.py',
        config,
        '--resume',
        '--work-dir',
        str(folder),
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
) -> Training:
    """A pre-training, with its weights formatted."""
    name = pretraining_name(method, seed, variant)
    folder = args.work_dir / name
    config = PRETRAIN_CONFIG.format(METHODS[method][1])
    train = train_command(folder, config, seed, args.pretrain_iters)
    script = 'tools/format_epoch_weights_for_pretraining.sh'
    return Training(name, [[*train, *options], ['sh', script, str(folder)]])


def finetuning(
    args: argparse.Namespace,
    name: str,
    row: dict,
    source: str | None,
    iterations: int,
) -> Training:
    """A fine-tuning, from the weights of a pre-training or from none."""
    stem = METHODS[row['method']][0]
    config = FINETUNE_CONFIG.format(stem, row['target'])
    weights = []
    if source is not None:
        path = args.work_dir / source / 'pretrained_all.pth'
        weights = ['--load-from', str(path)]
    command = train_command(
        args.work_dir / name, config, row['seed'], iterations, weights
    )
    # Validation at the end only, and no pictures of it.
    command += [f'train_cfg.val_interval={iterations + 1}', 'custom_hooks=[]']
    return Training(name, [command], [source] if source else [], row=row)


def table_runs(args: argparse.Namespace) -> list[Training]:
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
) -> Training:
    """One cell of the table for one seed."""
    row = dict(method=method, target=target, start=start, seed=seed)
    iterations = args.finetune_iters
    if start == 'scratch-equal-compute':
        iterations += STEP_COST * args.pretrain_iters
    source = pretraining_name(method, seed) if start == 'pretrained' else None
    name = f'{method}_{target}_{start}_{seed}'
    return finetuning(args, name, row, source, iterations)


def ablation_runs(args: argparse.Namespace) -> list[Training]:
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
            name: data_options(args.data_root, share)
            for name, share in DATA_SHARES.items()
        },
    }


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
