"""The trainings that show what hybrid pre-training is worth."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from ..run_queue import Run


@dataclass(frozen=True)
class Method:
    """How a method is trained.

    Attributes:
        finetuning: Stem of its fine-tuning configurations.
        pretraining: Stem of its pre-training configuration.
        rate: Learning rate of both stages and all starts, the better of two
            for the random start.
    """

    finetuning: str
    pretraining: str
    rate: float


METHODS = {
    'roi-alignps': Method('roi-alignps_r18', 'r18', 1e-3),
    'nae': Method('nae_r18-c4', 'nae-r18-c4', 2e-3),
    'bsl': Method('bsl_r18-c4', 'bsl-r18-c4', 2e-3),
}
FINETUNE_CONFIG = 'configs/synthetic/{}_1xb4-300_{}.py'
PRETRAIN_CONFIG = (
    'configs/synthetic/hybrid-pretrain_{}-two-views_1xb6-300_{}.py'
)
SOURCES = 'four-sources'  # the synthetic ones
# Their folders, in the order of the configurations: scenes, then crops.
SOURCE_FOLDERS = (
    'CrowdHuman',
    'CrowdHuman-2',
    'Market-1501-v15.09.15',
    'MSMT17_V1',
)
WARM_UP = 30
# A pre-training step takes 8 pictures (scenes in two views, mosaics), a
# fine-tuning step 4; the times of both steps have the same ratio.
STEP_COST = 2


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
    rate: float | None = None,
) -> list[str]:
    """The command of a training.

    Args:
        folder: Its work folder.
        config: Its configuration.
        seed: Its seed.
        iterations: Number of its steps.
        options: Values to change in the configuration, as ``key=value``.
        rate: Highest learning rate; None leaves that of the configuration.
    """
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
        *schedule_options(iterations, rate),
        'default_hooks.checkpoint.max_keep_ckpts=1',
    ]


def schedule_options(iterations: int, rate: float | None) -> list[str]:
    """Options that give a training so many iterations, and a learning rate.

    Args:
        iterations: Number of steps; during the first ones the rate rises.
        rate: Highest learning rate; None leaves that of the configuration.
    """
    options = [
        f'train_cfg.max_iters={iterations}',
        f'param_scheduler.1.end={iterations}',
        f'param_scheduler.1.T_max={iterations - WARM_UP}',
    ]
    if rate is not None:
        options.append(f'optim_wrapper.optimizer.lr={rate}')
    return options


def pretraining_config(method: str, sources: str = SOURCES) -> str:
    """The configuration that pre-trains a method, below the repository."""
    return PRETRAIN_CONFIG.format(METHODS[method].pretraining, sources)


def pretraining_name(
    method: str, seed: int, variant: int = 0, sources: str = SOURCES
) -> str:
    """Name of the run of a pre-training.

    Args:
        method: Name of the method.
        seed: Seed of the pre-training.
        variant: Number of the variant in the table ``ablation``; 0 is the
            pre-training of the other tables.
        sources: What the configuration calls the data.
    """
    name = f'pretrain_{method}_{seed}' + (f'_v{variant}' if variant else '')
    return name if sources == SOURCES else f'{name}_{sources}'


def pretraining(
    args: argparse.Namespace,
    method: str,
    seed: int,
    variant: int = 0,
    options: list[str] = (),
    sources: str = SOURCES,
) -> Training:
    """A pre-training, with its weights formatted.

    Nothing is validated: what counts is measured after fine-tuning.
    """
    name = pretraining_name(method, seed, variant, sources)
    folder = args.work_dir / name
    how = METHODS[method]
    config = pretraining_config(method, sources)
    train = train_command(
        folder, config, seed, args.pretrain_iters, rate=how.rate
    )
    train += [f'val_{p}=None' for p in ('cfg', 'dataloader', 'evaluator')]
    script = 'tools/format_epoch_weights_for_pretraining.sh'
    return Training(name, [[*train, *options], ['sh', script, str(folder)]])


def finetuning(
    args: argparse.Namespace,
    name: str,
    row: dict,
    source: str | None,
    iterations: int,
    options: list[str] = (),
    form: str | None = 'all',
) -> Training:
    """A fine-tuning, from the weights of a pre-training or from none.

    Args:
        args: Of the command line.
        name: Name of the run.
        row: Its row of the table, without scores.
        source: Name of the run of the pre-training; None for none.
        iterations: Number of its steps.
        options: Values to change in the configuration, as ``key=value``.
        form: Which file of the pre-training: all, neck or backbone; of no
            use without one.
    """
    how = METHODS[row['method']]
    config = FINETUNE_CONFIG.format(how.finetuning, row['target'])
    weights = []
    if source is not None:
        path = args.work_dir / source / f'pretrained_{form}.pth'
        weights = ['--load-from', str(path)]
    command = train_command(
        args.work_dir / name,
        config,
        row['seed'],
        iterations,
        weights,
        how.rate,
    )
    command += [*scored_at_the_end(iterations), *options]
    return Training(
        name,
        [command],
        [source] if source else [],
        row=dict(row, steps=iterations),
    )


def scored_at_the_end(iterations: int) -> list[str]:
    """Options of a training that validates when it ends, without pictures.

    The annotated boxes are searched with, too: every method embeds them. The
    AlignPS family is still scored by detections that match the queries, as
    the preset of its configurations says.
    """
    return [
        f'train_cfg.val_interval={iterations + 1}',
        'custom_hooks=[]',
        'val_evaluator.annotated_boxes=True',
        'model.test_cfg.embed_gt_boxes=True',
    ]


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
