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
    'configs/synthetic/hybrid-pretrain_{}-two-views_1xb6-300_four-sources.py'
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
    """Name of the run; variant 0 is the pre-training of the tables."""
    return f'pretrain_{method}_{seed}' + (f'_v{variant}' if variant else '')


def pretraining(
    args: argparse.Namespace,
    method: str,
    seed: int,
    variant: int = 0,
    options: list[str] = (),
) -> Training:
    """A pre-training, with its weights formatted.

    Nothing is validated: what counts is measured after fine-tuning.
    """
    name = pretraining_name(method, seed, variant)
    folder = args.work_dir / name
    config = PRETRAIN_CONFIG.format(METHODS[method][1])
    train = train_command(folder, config, seed, args.pretrain_iters)
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
    command += [
        f'train_cfg.val_interval={iterations + 1}',
        'custom_hooks=[]',
        'val_evaluator.annotated_boxes=True',
        *options,
    ]
    return Training(
        name,
        [command],
        [source] if source else [],
        row=dict(row, steps=iterations),
    )


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
