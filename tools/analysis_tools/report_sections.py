"""The sections of the report, each a list of HTML parts.

Each takes the run and is empty without material.
"""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from run_description import Run

import mmdet_ps
from mmdet_ps.datasets.annotation_file import load_annotations
from mmdet_ps.evaluation.settings import EVALUATOR_VERSION
from mmdet_ps.utils.comparison import STARTS, TARGETS
from mmdet_ps.visualization.report import (
    Annotations,
    bar_chart,
    detection_scene,
    example_scenes,
    figure,
    group,
    heading,
    identity_sheets,
    line_chart,
    note,
    outcomes,
    read_scalars,
    side_by_side,
    smoothed,
    spread,
    table,
    telling_queries,
    tile,
    worst_searches,
)

PAIR = ('scratch', 'pretrained')  # whose rankings are set side by side
CURVES = ('loss', 'loss_reid', 'roi_loss_reid', 'loss_cls', 'loss_bbox')
# Title of a chart -> the scalars it shows, in several charts because more
# curves in one cannot be told apart. The alignment wants its classifier of
# sources near chance.
PRETRAINING_CURVES = {
    'losses of scenes': r'det_(?P<name>(?!.*(?:domain|two_view)).*loss.*)',
    'losses of crops': r'reid_(?P<name>(?!.*(?:domain|two_view)).*loss.*)',
    # The loss falls from 0 to -1; a spread near 0 means that all persons
    # are embedded alike.
    'two views of a person': r'(?P<name>.*two_view_(?:loss|spread))',
    'source accuracy, scenes': (r'det_(?P<name>.*)_domain_acc'),
    'source accuracy, crops': (r'reid_(?P<name>.*)_domain_acc'),
}


def results(run: Run) -> list[str]:
    """The table target x start, and the same as bars."""
    tiles, lines, kinds = [], [], {}
    for target in run.targets:
        before = run.row(target, 'scratch')
        for start, name in run.starts.items():
            row = run.row(target, start)
            if row is None:
                continue
            gain = ''
            if before and row is not before:
                change = 100 * (row['mAP'] - before['mAP'])
                gain = f'{change:+.1f}'
                kinds[len(lines), 5] = 'good' if change > 0 else 'bad'
                tiles.append(
                    tile(
                        TARGETS[target],
                        f'{gain} mAP',
                        f'{100 * before["mAP"]:.1f} from scratch, '
                        f'{100 * row["mAP"]:.1f} {name}',
                    )
                )
            scores = [f'{100 * row[key]:.1f}' for key in ('mAP', 'top1')]
            kinds[len(lines), 1] = kinds[len(lines), 2] = 'text'
            lines.append([TARGETS[target], row['method'], name, *scores, gain])
    header = ['target', 'method', 'start', 'mAP', 'top-1', 'gain in mAP']
    charts = [
        bar_chart(
            label,
            [TARGETS[target] for target in run.targets],
            {
                name: [
                    100 * (run.row(target, start) or {key: float('nan')})[key]
                    for target in run.targets
                ]
                for start, name in run.starts.items()
            },
        )
        for key, label in (('mAP', 'mAP in %'), ('top1', 'top-1 in %'))
    ]
    return [
        note(
            'Both starts have the same architecture, schedule, seed and '
            'random initial weights; the second one has been pre-trained on '
            'detection scenes without identities and re-ID crops without '
            'scenes before.'
        ),
        group('tiles', *tiles),
        table(header, lines, kinds),
        group('grid', *charts),
    ]


def curves(run: Run) -> list[str]:
    """Losses of pre-training and of every fine-tuning."""
    scalars = read_scalars(run.folder.pretraining)
    pretraining = [
        line_chart(
            f'Pre-training: {title}',
            {
                match['name'].replace('_', ' '): (steps, smoothed(values))
                for name, (steps, values) in sorted(scalars.items())
                if (match := re.fullmatch(pattern, name))
                and any(values)  # a scene has no identities to lose
            },
            'iteration',
            logarithmic='losses' in title,
        )
        for title, pattern in PRETRAINING_CURVES.items()
    ]
    parts = [group('curves', *pretraining)] if any(pretraining) else []
    scalars = {
        (target, start): read_scalars(run.folder.run(target, start))
        for target in run.targets
        for start in run.starts
    }
    for key in CURVES:
        charts = [
            line_chart(
                f'{TARGETS[target]}: {key}',
                {
                    name: (
                        scalars[target, start][key][0],
                        smoothed(scalars[target, start][key][1]),
                    )
                    for start, name in run.starts.items()
                    if key in scalars[target, start]
                },
                'iteration',
            )
            for target in run.targets
        ]
        if any(charts):
            parts.append(group('curves', *charts))
    return parts


def rankings(run: Run, target: str) -> list[str]:
    """The same queries from scratch and pre-trained."""
    first, second = (run.ranked.get((target, start)) for start in PAIR)
    if first is None or second is None:
        return []
    return [
        note(
            'Blue: the person looked for. Green: right. Red: somebody else, '
            'or a box that overlaps too little. Orange: an appearance that '
            'is not among the answers shown. Numbers are rank and cosine '
            'similarity, with two joined embeddings the sum of both.'
        ),
        side_by_side(
            [(STARTS[s], r) for s, r in zip(PAIR, (first, second))],
            telling_queries(first, second),
        ),
    ]


def failures(run: Run) -> list[str]:
    """What becomes of the first place, and the worst queries."""
    lines = [
        [
            TARGETS[target],
            STARTS[start],
            *(f'{100 * share:.1f}' for share in outcomes(ranked).values()),
        ]
        for (target, start), ranked in run.ranked.items()
    ]
    header = ['target', 'start', 'right', 'confused', 'undetected']
    parts = [
        note(
            'Share of queries in %. Confused: the person was detected, but '
            'somebody else is more similar. Undetected: no appearance of the '
            'person was detected with enough overlap.'
        ),
        table(header, lines),
    ]
    for (target, start), ranked in run.ranked.items():
        if start == 'pretrained':
            parts.append(heading(f'{TARGETS[target]}: worst, {STARTS[start]}'))
            parts.append(worst_searches(ranked, 3))
    return parts if lines else []


def detections(run: Run) -> list[str]:
    """Test images with right, wrong and missed persons."""
    parts = []
    for (target, start), stored in run.stored.items():
        records = [
            record for record in stored.records if 'gt_bboxes' in record
        ]
        if start != 'pretrained' or not records:
            continue
        threshold = max(0.3, stored.settings().score_thr)
        pictures = []
        for record in spread(records, 3):
            path = run.ranked[target, start].image_paths[record['img_id']]
            picture, counts = detection_scene(
                path,
                record['bboxes'],
                record['scores'],
                record['gt_bboxes'],
                threshold,
            )
            told = ', '.join(f'{n} {kind}' for kind, n in counts.items())
            pictures.append(figure(picture, f'{Path(path).name}: {told}'))
        parts.append(heading(TARGETS[target]))
        parts.append(group('scenes', *pictures))
    if not parts:
        return []
    explained = 'Green: right with its score; red: wrong; orange: missed.'
    return [note(explained), *parts]


def sources(run: Run) -> list[str]:
    """Every dataset of the run: scenes with boxes, persons over cameras."""
    parts = []
    for ann_file in sorted(run.data_root.glob('*/prepared/train.json')):
        root = ann_file.parents[1]
        try:
            data_list = load_annotations(str(ann_file))[1]
        except ValueError as error:
            parts += [heading(root.name), note(f'Not shown. {error}')]
            continue
        annotations = Annotations(data_list, root)
        counts = annotations.counts()
        told = ', '.join(f'{n} {kind}' for kind, n in counts.items())
        parts += [heading(root.name), note(f'Training part: {told}.')]
        whole = counts['boxes'] == counts['images'] == counts['labelled']
        if not whole:
            scenes = example_scenes(annotations, 3)
            pictures = [figure(image, text) for image, text in scenes]
            parts.append(group('scenes', *pictures))
        sheets = identity_sheets(annotations)
        if sheets:
            parts.append(group('grid', *map(figure, sheets)))
            parts.append(note('One row per identity.'))
    return parts


def settings(run: Run) -> list[str]:
    """Versions, seeds, commit, scoring and times."""
    facts = {
        'commit': ', '.join(sorted({row['commit'] for row in run.rows})),
        'seed': ', '.join(sorted({str(row['seed']) for row in run.rows})),
        'evaluator': EVALUATOR_VERSION,
        'mmdet_ps': mmdet_ps.__version__,
        'PyTorch': metadata.version('torch'),
        'Python': platform.python_version(),
        'processor cores': os.cpu_count(),
    }
    parts = [table(['', ''], [[key, value] for key, value in facts.items()])]
    used = {
        TARGETS[target]: stored.settings().describe()
        for (target, _), stored in run.stored.items()
    }
    if used:
        names = list(next(iter(used.values())))
        lines = [[n, *(column[n] for column in used.values())] for n in names]
        parts += [heading('Scoring'), table(['setting', *used], lines)]
    if run.stages:
        lines = [
            [name, stage['label'], f'{stage["seconds"]:.0f}']
            for name, stage in run.stages.items()
        ]
        parts += [
            heading('Times'),
            table(['stage', 'counted as', 'seconds'], lines),
        ]
    return parts
