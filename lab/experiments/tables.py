"""Which trainings make each of the tables of hybrid pre-training.

======================  ======================================================
``starts``              method x target x start
``curve``               method x target: the random start and the pre-trained
                        one after different numbers of steps on the target
``labels``              both starts with a share of the labelled scenes
``ablation``            parts, options and amounts of the pre-training
``transfer``            which weights of a pre-training are carried over, how
======================  ======================================================
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mmdet_ps.utils.comparison import STARTS, TARGETS

from .trainings import (
    SOURCE_FOLDERS,
    STEP_COST,
    Training,
    finetuning,
    number_of_images,
    pretraining,
    pretraining_name,
)

SHARES = (0.12, 0.25, 0.5, 1.0)
# Steps of the learning curve, as multiples of those of the other tables.
LENGTHS = (0.25, 0.5, 1.0, 1.5, 3.0)
BOTH_STARTS = ('scratch', 'pretrained')

RATIO = 'train_dataloader.sampler.source_ratio'
SOURCE = 'train_dataloader.dataset.datasets'
ONE_VIEW = [
    'model.two_views=None',
    'model.det_persons=unlabelled',
    f'{SOURCE}.0.pipeline.2.num_views=1',
    f'{SOURCE}.1.pipeline.2.num_views=1',
    # Four scenes of one view take the place of two in two views.
    f'{RATIO}=[2,2,2,2]',
    'train_dataloader.batch_size=8',
    'train_dataloader.sampler.batch_size=8',
]
NO_ALIGNMENT = ['model.alignment=None']
# Variant of the pre-training: options of the configuration; None is none.
PARTS = {
    'no pre-training': None,
    'detection': [*NO_ALIGNMENT, *ONE_VIEW, f'{RATIO}=[4,4,0,0]'],
    're-ID': [*NO_ALIGNMENT, *ONE_VIEW, f'{RATIO}=[0,0,4,4]'],
    'both': [*NO_ALIGNMENT, *ONE_VIEW],
    'both, persons of scenes ignored': [
        *NO_ALIGNMENT,
        *ONE_VIEW,
        'model.det_persons=ignored',
    ],
    'both, alignment': ONE_VIEW,
    'two views': NO_ALIGNMENT,
    'two views, persons of scenes unlabelled': [
        *NO_ALIGNMENT,
        'model.det_persons=unlabelled',
    ],
    'two views, erasing': [
        *NO_ALIGNMENT,
        'model.two_views.erase.probability=0.5',
    ],
    'two views, image level': ['model.alignment.instance=None'],
    'two views, instance level': ['model.alignment.image=None'],
    'two views, image and instance level': [],
    'two views, both levels, weight 0.3': ['model.alignment.weight=0.3'],
}
DATA_SHARES = {
    f'two views, both levels, {share:.0%} of the data': share
    for share in (0.25, 0.5)
}
LEAVE_OUT = 'default_hooks.checked_load.leave_out'
# Way of carrying weights over: form of the file, None for no file, and options
# of fine-tuning.
WAYS = {
    'nothing': (None, []),
    'backbone and its stage on RoIs': ('backbone', []),
    'all but the RPN': ('all', [f'{LEAVE_OUT}=[rpn_head]']),
    'all but the box head': ('all', [f'{LEAVE_OUT}=[roi_head.bbox_head]']),
    'all but the embedding head': (
        'all',
        [f'{LEAVE_OUT}=[roi_head.reid_head]'],
    ),
    'all': ('all', []),
    'all, no warm-up': ('all', ['param_scheduler.0.start_factor=1']),
    'all, backbone at 0.3 of the rate': (
        'all',
        ['optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult=0.3'],
    ),
    'all, half the rate': ('all', ['optim_wrapper.optimizer.lr=1e-3']),
    'all, batch-norm statistics of the backbone kept': (
        'all',
        ['model.backbone.norm_eval=True'],
    ),
}


@dataclass
class Table:
    """A table: its file, what its columns compare, and its trainings.

    Attributes:
        stem: Name of its files in ``docs/results``, without suffix.
        column: Key of the rows that is compared.
        values: The values of that key, in order.
        runs: Function that lists the trainings which make its rows.
        along: Key of the rows that the horizontal axis of a curve shows;
            empty for a table without curve.
        heading: Of the column that names what is compared.
    """

    stem: str
    column: str
    values: list
    runs: Callable[[argparse.Namespace], list[Training]]
    along: str = ''
    heading: str = ''


def start_runs(args: argparse.Namespace) -> list[Training]:
    """A training for each method, target, start and seed.

    One seed comes after the other, so that an unfinished table has whole
    columns. Of a seed the runs that others wait for come first and then the
    longest, so that all runs side by side end at about the same time.
    """
    runs: list[Training] = []
    for seed in args.seeds:
        if 'pretrained' in args.starts:
            runs += [pretraining(args, m, seed) for m in args.methods]
        cells: list[Training] = []
        for method in args.methods:
            for target in args.targets:
                for start in args.starts:
                    row = dict(
                        method=method, target=target, start=start, seed=seed
                    )
                    cells.append(_start_run(args, row))
        runs += sorted(cells, key=lambda run: -run.row['steps'])
    return runs


def _start_run(
    args: argparse.Namespace,
    row: dict,
    length: float = 1.0,
    suffix: str = '',
    options: list[str] = (),
    form: str | None = 'all',
) -> Training:
    """A fine-tuning from the start of its row."""
    steps = round(length * args.finetune_iters)
    if row['start'] == 'scratch-equal-compute':
        steps += STEP_COST * args.pretrain_iters
    source = None
    if row['start'] == 'pretrained':
        source = pretraining_name(row['method'], row['seed'])
        row = dict(row, pretrain_steps=args.pretrain_iters)
    name = '{method}_{target}_{start}_{seed}'.format(**row) + suffix
    return finetuning(args, name, row, source, steps, options, form)


def _of_both_starts(
    args: argparse.Namespace,
    method: str,
    targets: Sequence[str],
    more: Callable[[dict], list[Training]],
) -> list[Training]:
    """Pre-trainings, and what ``more`` makes of rows of both starts."""
    runs = []
    for seed in args.seeds:
        if 'pretrained' in args.starts:
            runs.append(pretraining(args, method, seed))
        for target, start in product(targets, BOTH_STARTS):
            if start not in args.starts:
                continue
            runs += more(
                dict(method=method, target=target, start=start, seed=seed)
            )
    return runs


def curve_runs(args: argparse.Namespace) -> list[Training]:
    """A training for each method, target, start, seed and number of steps."""
    return [
        run
        for method in args.methods
        for run in _of_both_starts(
            args,
            method,
            args.targets,
            lambda row: [_curve_run(args, row, n) for n in args.lengths],
        )
    ]


def _curve_run(args: argparse.Namespace, row: dict, length: float) -> Training:
    """A fine-tuning of some length: where it is one of the table of starts,
    that one."""
    if row['start'] == 'scratch':
        longest = _start_run(args, dict(row, start='scratch-equal-compute'))
        if longest.row['steps'] == round(length * args.finetune_iters):
            longest.row['start'] = 'scratch'
            return longest
    return _start_run(
        args, row, length, '' if length == 1 else f'_x{length:g}'
    )


def label_runs(args: argparse.Namespace) -> list[Training]:
    """A training for each share of labelled scenes, start and seed.

    All are of the first method on the first target.
    """
    folder = args.data_root / TARGETS[args.targets[0]]
    count = number_of_images(folder / 'prepared/train.json')

    def runs(row: dict) -> list[Training]:
        return [
            _start_run(
                args,
                dict(row, share=share),
                suffix='' if share == 1 else f'_share{share}',
                options=_indices(count, share),
            )
            for share in SHARES
        ]

    return _of_both_starts(args, args.methods[0], args.targets[:1], runs)


def _indices(count: int, share: float) -> list[str]:
    """An option that keeps scenes at even distances: all cameras stay."""
    if share == 1:
        return []
    kept = sorted({int(k / share) for k in range(round(share * count))})
    return ['train_dataloader.dataset.indices=' + str(kept).replace(' ', '')]


def ablation_runs(args: argparse.Namespace) -> list[Training]:
    """A pre-training and a fine-tuning for each variant and seed.

    All are of the first method on the first target.
    """
    method, target = args.methods[0], args.targets[0]
    runs = []
    for seed in args.seeds:
        for index, (name, options) in enumerate(variants(args).items()):
            if name not in args.variants:
                continue
            source = None
            if options is not None:
                # The pre-training without options is that of the tables.
                number = index if options else 0
                source = pretraining_name(method, seed, number)
                runs.append(pretraining(args, method, seed, number, options))
            row = dict(method=method, target=target, name=name, seed=seed)
            if options is not None:
                row['pretrain_steps'] = args.pretrain_iters
            run = f'ablation_{method}_{target}_{index}_{seed}'
            runs.append(
                finetuning(args, run, row, source, args.finetune_iters)
            )
    return runs


def transfer_runs(args: argparse.Namespace) -> list[Training]:
    """A fine-tuning for each way of carrying weights over, and seed.

    All are of the first method on the first target; the parts that are left
    out have their names in BSL.
    """
    method, target = args.methods[0], args.targets[0]
    runs = []
    for seed in args.seeds:
        if 'pretrained' in args.starts:
            runs.append(pretraining(args, method, seed))
        for index, (name, (form, options)) in enumerate(WAYS.items()):
            start = 'pretrained' if form else 'scratch'
            if start not in args.starts:
                continue
            row = dict(method=method, target=target, start=start, seed=seed)
            # Nothing and all are runs of the table of starts.
            shared = form in (None, 'all') and not options
            suffix = '' if shared else f'_way{index}'
            run = _start_run(
                args, row, suffix=suffix, options=options, form=form
            )
            del run.row['start']
            run.row['name'] = name
            runs.append(run)
    return runs


def variants(args: argparse.Namespace) -> dict[str, list[str] | None]:
    """The pre-trainings to compare.

    Returns:
        Name of a variant -> options of tools/train.py that make it; None for
        the one without any pre-training.
    """
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
    for source, folder in enumerate(SOURCE_FOLDERS):
        count = number_of_images(data_root / folder / 'prepared/train.json')
        inner = '' if folder.startswith('Crowd') else '.dataset'
        options.append(
            f'{SOURCE}.{source}{inner}.indices={round(share * count)}'
        )
    return options


TABLES = {
    'starts': Table('pretraining', 'start', list(STARTS), start_runs),
    'curve': Table('curve', 'start', list(BOTH_STARTS), curve_runs, 'steps'),
    'labels': Table('labels', 'start', list(BOTH_STARTS), label_runs, 'share'),
    'ablation': Table(
        'ablation',
        'name',
        [*PARTS, *DATA_SHARES],
        ablation_runs,
        heading='pre-training',
    ),
    'transfer': Table(
        'transfer',
        'name',
        list(WAYS),
        transfer_runs,
        heading='carried over',
    ),
}
