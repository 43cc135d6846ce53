"""What a short training is worth on a real video: rows and their table.

A video with labels in MOTChallenge's form is split by time. A model is
trained on its first part, from a random start and from weights pre-trained
on the synthetic sources, without and with the scenes of other videos among
them, and searches in the rest. Finished runs are kept in --work-dir and not
repeated; killed ones go on.

    python tools/make_synthetic.py data --size quick
    python tools/prepare_data.py all data
    python tools/analysis_tools/real_footage.py MOT/PETS09-S2L1 \
        --data-root data --scenes MOT/MOT17-02-FRCNN MOT/MOT17-04-FRCNN
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mmdet_ps.utils.command_line import (
    ArgumentParser,
    seed_number,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json, write_text
from mmdet_ps.utils.results_table import NOTHING, markdown_table, percent

from ..run_queue import Run, RunQueue, current_commit, environment_of_runs
from .result_table import read_scores
from .trainings import (
    SOURCE_FOLDERS,
    SOURCES,
    Training,
    number_of_images,
    pretraining,
    pretraining_name,
    train_command,
)

ROOT = Path(__file__).resolve().parents[2]
# Start -> what the configuration of its pre-training calls the data.
PRETRAINED, WITH_SCENES = 'pretrained', 'pretrained with scenes'
PRETRAININGS = {PRETRAINED: SOURCES, WITH_SCENES: 'five-sources'}
SCRATCH = 'scratch'
STARTS = (SCRATCH, *PRETRAININGS)
TRAIN_SHARE = 0.6  # of the video, from its beginning
MOST_PERSONS = 50  # found in a picture
PREPARATION = 'prepare'
SCENES = 'prepare_scenes'
METHOD = 'nae'  # the thin one on a ResNet-18
FULL_METHOD = 'nae-r50'
CONFIG = 'configs/synthetic/nae_r18-c4_1xb4-300_mot17.py'
# The thin network in full: everything else stays as it is.
FULL_NETWORK = [
    'model.backbone.depth=50',
    'model.backbone.base_channels=64',
    'model.rpn_head.in_channels=1024',
    'model.rpn_head.feat_channels=1024',
    'model.roi_head.bbox_roi_extractor.out_channels=1024',
    'model.roi_head.shared_head.depth=50',
    'model.roi_head.shared_head.base_channels=64',
    'model.roi_head.bbox_head.in_channels=2048',
]
METHODS = {METHOD: [], FULL_METHOD: FULL_NETWORK}
SCORES = ('mAP', 'top1', 'detection_AP')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        'sequence',
        type=Path,
        help='folder of the labelled video, with gt/gt.txt in it',
    )
    add(
        '--data-root',
        type=Path,
        default=Path('data'),
        help='synthetic sets, for pre-training',
    )
    add(
        '--scenes',
        type=Path,
        nargs='+',
        default=[],
        help='folders of other labelled videos: scenes to pre-train on',
    )
    add('--seeds', type=seed_number, nargs='+', default=[0, 1, 2])
    add(
        '--starts',
        nargs='+',
        choices=STARTS,
        help='default: scratch and pretrained, the latter with the scenes if '
        'there are any',
    )
    add(
        '--methods',
        nargs='+',
        choices=METHODS,
        default=[METHOD],
        help=f'{METHOD}: thin, on a ResNet-18; {FULL_METHOD}: on a whole '
        'ResNet-50, from a random start alone',
    )
    add('--iters', type=whole_number(31), default=300, help='steps')
    add('--pretrain-iters', type=whole_number(31), default=300)
    add(
        '--scale',
        type=whole_number(32),
        nargs=2,
        default=[768, 576],
        metavar=('LONG', 'SHORT'),
        help='of the pictures, in pixels (default: 768 576)',
    )
    add('--jobs', type=whole_number(1), default=2, help='runs at a time')
    add('--threads', type=whole_number(1), default=1, help='of each run')
    add('--work-dir', type=Path, default=Path('work_dirs/real_footage'))
    add('--out', type=Path, default=Path('docs/results'))
    args = parser.parse_args()
    if args.starts is None:
        args.starts = [SCRATCH, WITH_SCENES if args.scenes else PRETRAINED]
    if WITH_SCENES in args.starts and not args.scenes:
        parser.error(f'--starts "{WITH_SCENES}" needs --scenes')
    return args


def footage_runs(args: argparse.Namespace) -> list[Run]:
    """Preparations, pre-trainings and a run for each row, seed by seed."""
    runs: list[Run] = [
        preparation(PREPARATION, args.work_dir / 'data', TRAIN_SHARE)
    ]
    sources = args.work_dir / 'sources'
    if WITH_SCENES in args.starts:
        runs.append(preparation(SCENES, sources, 1))
    for seed in args.seeds:
        for start in args.starts:
            for method in args.methods:
                if start in PRETRAININGS and method == FULL_METHOD:
                    continue  # there is no pre-training of it on small sets
                if start in PRETRAININGS:
                    run = pretraining(
                        args, method, seed, sources=PRETRAININGS[start]
                    )
                    if start == WITH_SCENES:
                        run.needs = [SCENES]
                        run.environment = dict(DATA_ROOT=str(sources))
                    runs.append(run)
                runs.append(footage_run(args, method, start, seed))
    return runs


def preparation(name: str, folder: Path, train_share: float) -> Run:
    """Prepare the videos in ``folder/MOT17``, split by time."""
    command = [
        sys.executable, 'tools/prepare_data.py', 'mot', str(folder / 'MOT17'),
        '--option', 'split=time',
        '--option', f'train_share={train_share}',
    ]  # fmt: skip
    return Run(name, [command])


def footage_run(
    args: argparse.Namespace, method: str, start: str, seed: int
) -> Training:
    """The training behind one row."""
    where = start.replace(' ', '-')
    name = f'{args.sequence.name}_{method}_{where}_{seed}'
    needs, weights = [PREPARATION], []
    if start in PRETRAININGS:
        sources = PRETRAININGS[start]
        needs.append(pretraining_name(method, seed, sources=sources))
        path = args.work_dir / needs[-1] / 'pretrained_all.pth'
        weights = ['--load-from', str(path)]
    command = train_command(
        args.work_dir / name, CONFIG, seed, args.iters, weights
    )
    command += [
        f'train_cfg.val_interval={args.iters + 1}',
        'custom_hooks=[]',
        *sizes(args.scale),
        f'model.test_cfg.rcnn.max_per_img={MOST_PERSONS}',
        *METHODS[method],
    ]
    row = dict(
        set=args.sequence.name,
        method=method,
        start=start,
        seed=seed,
        steps=args.iters,
    )
    if start in PRETRAININGS:
        row['pretrain_steps'] = args.pretrain_iters
    environment = dict(DATA_ROOT=str(args.work_dir / 'data'))
    return Training(name, [command], needs, environment, row=row)


def sizes(scale: list[int]) -> list[str]:
    """Options of a training that give pictures a size.

    Args:
        scale: Longer and shorter side in pixels.
    """
    text = '({},{})'.format(*scale)
    return [
        f'train_dataloader.dataset.pipeline.2.scales=[{text}]',
        f'val_dataloader.dataset.pipeline.1.scale={text}',
        f'test_dataloader.dataset.pipeline.1.scale={text}',
    ]


class FootageTable:
    """Rows of real videos in a JSON file, their means in a markdown file.

    Args:
        folder: Folder of both files.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / 'real_footage.json'
        self.rows: dict[tuple, dict] = {}
        if self.path.is_file():
            for row in json.loads(self.path.read_text()):
                self.rows[self._key(row)] = row

    @staticmethod
    def _key(row: dict) -> tuple:
        place = STARTS.index(row['start'])
        steps = row.get('pretrain_steps', 0), row['steps']
        return row['set'], row['method'], place, *steps, row['seed']

    def add(self, row: dict) -> None:
        """Take in a row and write both files."""
        self.rows[self._key(row)] = row
        rows = [self.rows[key] for key in sorted(self.rows)]
        write_json(self.path, rows, indent=1)
        write_text(self.path.with_suffix('.md'), report(rows))


def report(rows: list[dict]) -> str:
    """The means over the seeds as markdown."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        before = row.get('pretrain_steps', NOTHING)
        key = row['set'], row['method'], row['start'], before, row['steps']
        groups.setdefault(key, []).append(row)
    lines = [
        [*key, ', '.join(str(row['seed']) for row in found)]
        + [percent([row[score] for row in found]) for score in SCORES]
        for key, found in groups.items()
    ]
    header = ['video', 'method', 'start', 'steps of pre-training', 'steps',
              'seeds', 'mAP', 'top-1', 'detection AP']  # fmt: skip
    commits = ', '.join(sorted({row['commit'] for row in rows}))
    return '\n'.join(
        [
            '# Short trainings on real video',
            '',
            'Generated by `tools/analysis_tools/real_footage.py`; do not '
            'edit.',
            '',
            f'The first {TRAIN_SHARE:.0%} of the video train and the rest is '
            'searched: the same camera, and some of the same persons. '
            'Pre-trained: on the synthetic sources; with scenes: on real '
            'pictures of other videos, too. Mean and standard deviation over '
            f'the seeds, in percent; commit {commits}.',
            '',
            markdown_table(header, lines),
            '',
        ]
    )


def link_sequences(sequences: Sequence[Path], folder: Path) -> None:
    """Put videos where the configurations look, without copying them.

    Raises:
        UserError: If one has no labels, or others are there from an earlier
            call: finished runs are kept, and would be taken for runs on these.
    """
    wanted = {sequence.name: sequence.resolve() for sequence in sequences}
    links = folder.iterdir() if folder.is_dir() else ()
    found = {path.name: path.resolve() for path in links if path.is_symlink()}
    if found and found != wanted:
        raise UserError(
            f'{folder} is of an earlier call with {", ".join(sorted(found))}: '
            'choose another --work-dir'
        )
    for sequence in sequences:
        link_sequence(sequence, folder)


def link_sequence(sequence: Path, folder: Path) -> None:
    """Put a video where the configurations look, without copying it.

    Raises:
        UserError: If it has no labels.
    """
    if not (sequence / 'gt/gt.txt').is_file():
        raise UserError(
            f'{sequence}/gt/gt.txt is not there: name the folder of a '
            "labelled video in MOTChallenge's form"
        )
    link(sequence, folder)


def link(target: Path, folder: Path) -> None:
    """Put a link to a folder into another one, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / target.name).is_symlink():
        (folder / target.name).symlink_to(target.resolve())


def main() -> None:
    """Run what is missing and write rows and table."""
    args = parse_args()
    args.work_dir = args.work_dir.resolve()
    link_sequences([args.sequence], args.work_dir / 'data/MOT17')
    if set(args.starts) & set(PRETRAININGS):
        number_of_images(args.data_root / 'CrowdHuman/prepared/train.json')
    if WITH_SCENES in args.starts:
        sources = args.work_dir / 'sources'
        link_sequences(args.scenes, sources / 'MOT17')
        for name in SOURCE_FOLDERS:
            link(args.data_root / name, sources)
    table = FootageTable(args.out)
    queue = RunQueue(
        args.work_dir,
        cwd=ROOT,
        environment=environment_of_runs(ROOT, args.data_root, args.threads),
        notes=dict(commit=current_commit(ROOT)),
        say_every=60,
    )

    def add_row(run: Run) -> None:
        if isinstance(run, Training) and run.row is not None:
            scores = read_scores(args.work_dir / run.name)
            scores = {score: scores[score] for score in SCORES}
            commit = queue.finished[run.name]['commit']
            table.add(dict(run.row, **scores, commit=commit))

    failures = queue.execute(footage_runs(args), args.jobs, add_row)
    if failures:
        raise UserError('; '.join(failures))
    print(f'{table.path}: {len(table.rows)} rows')
