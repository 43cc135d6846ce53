"""What the three tools that score result files share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from mmdet_ps.datasets.native.files import NativeRoot
from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.datasets.native.registry import find_form
from mmdet_ps.evaluation.report import (
    describe,
    format_comparison,
    format_scores,
    intervals_of,
    score_rows,
    score_table,
)
from mmdet_ps.evaluation.results_file import load_results
from mmdet_ps.evaluation.search import SearchScores, rank_all
from mmdet_ps.evaluation.search.detection_scores import detection_scores
from mmdet_ps.evaluation.search.significance import compare_paired
from mmdet_ps.evaluation.settings import CHOICES, PRESETS
from mmdet_ps.structures import PersonBoxes, SearchResults
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    number,
    whole_number,
)
from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import write_json

ScoreTable = dict[tuple[str, str], SearchScores]


def scoring_parser(description: str) -> ArgumentParser:
    """A parser with the options that the scoring tools share."""
    parser = ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'results',
        metavar='RESULTS',
        nargs='?',
        help='dump of tools/test.py --out, or a legacy results_1000.pkl',
    )
    parser.add_argument(
        '--data-root',
        required=True,
        metavar='DIR',
        help='native folder of the dataset',
    )
    parser.add_argument(
        '--compare',
        nargs=2,
        metavar=('A', 'B'),
        help='two result files instead of one: is B better, query by query?',
    )
    parser.add_argument(
        '--json', metavar='OUT', help='write the scores as a list of rows'
    )
    parser.add_argument(
        '--intervals',
        action='store_true',
        help='add 95%% bootstrap intervals over queries',
    )
    parser.add_argument(
        '--detection',
        action='store_true',
        help='detection scores from the native annotations, for files '
        'without annotated boxes',
    )
    parser.add_argument(
        '--device', default='cpu', help='where similarities are computed'
    )
    _add_settings(parser)
    return parser


def several(*choices: str) -> Callable[[str], list[str]]:
    """An argument type: names out of ``choices``, joined by commas."""

    def parse(text: str) -> list[str]:
        names = text.split(',')
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(
                    f'{name!r} is none of {", ".join(choices)}'
                )
        return names

    return parse


def _add_settings(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--preset',
        choices=list(PRESETS),
        help='score as the script of that project does; the options below '
        'override it',
    )
    parser.add_argument(
        '--score-thr',
        type=number(),
        metavar='X',
        help='detections below this score leave the gallery',
    )
    for key, choices in CHOICES.items():
        parser.add_argument(f'--{key.replace("_", "-")}', choices=choices)
    for key, text in {
        'confidence-weighted': 'multiply similarities by detection scores',
        'gt-boxes': 'annotated boxes take the place of detections',
        'scene-scores': 'multiply similarities by the score that the person '
        'is in the picture, of models that filter the gallery',
    }.items():
        parser.add_argument(
            f'--{key}', action=argparse.BooleanOptionalAction, help=text
        )
    parser.add_argument(
        '--scene-threshold',
        type=number(),
        metavar='X',
        help='pictures below this score leave the gallery of a query',
    )
    parser.add_argument(
        '--cbgm',
        nargs=2,
        type=whole_number(1),
        metavar=('K1', 'K2'),
        help='context bipartite graph matching',
    )
    parser.add_argument(
        '--k-reciprocal',
        nargs=3,
        type=number(0),
        metavar=('K1', 'K2', 'WEIGHT'),
        help='k-reciprocal re-ranking, WEIGHT for the original distance',
    )


def options_of(args: argparse.Namespace) -> dict:
    """What the command line asks for, as ``resolve`` takes it."""
    keys = (*CHOICES, 'preset', 'score_thr', 'confidence_weighted',
            'gt_boxes', 'scene_scores', 'scene_threshold',
            'cbgm')  # fmt: skip
    options = {key: getattr(args, key) for key in keys}
    if args.k_reciprocal:
        k1, k2, weight = args.k_reciprocal
        # What is no whole number is refused, not cut off.
        counts = (int(k) if k.is_integer() else k for k in (k1, k2))
        options['k_reciprocal'] = (*counts, weight)
    return options


def score_files(
    args: argparse.Namespace, dataset: str, names: Sequence[str] | None
) -> None:
    """Score one result file, or compare two; prints and writes."""
    if bool(args.results) == bool(args.compare):
        raise UserError('give either RESULTS or --compare A B')
    if args.device != 'cpu':
        from mmdet_ps.utils.devices import require_device

        require_device(args.device)
    paths = args.compare or [args.results]
    files = [load_results(path) for path in paths]
    protocols = read_protocols(dataset, args.data_root, names)
    tables, rows = [], []
    for path, stored in zip(paths, files):
        settings = stored.settings(dataset, **options_of(args))
        results = stored.align(protocols[0].images)
        tables.append(
            score_table(
                rank_all(protocols, results, settings, device=args.device)
            )
        )
        if args.compare:
            print(f'{path}')
        intervals = intervals_of(tables[-1]) if args.intervals else None
        print(format_scores(tables[-1], intervals))
        if args.detection:
            given = native_boxes(dataset, args.data_root, protocols[0].images)
            _print_detection(results, given)
        elif results.given is not None:
            _print_detection(results, results.given)
        print(describe(settings, results))
        rows.append(score_rows(tables[-1], protocols))
    if args.compare:
        _print_comparison(*tables)
    if args.json:
        rows = [row for part in rows for row in part]
        write_json(args.json, rows, indent=1)


def _print_detection(results: SearchResults, given: PersonBoxes) -> None:
    """Print the scores of all boxes, and the recall of known persons."""
    every = detection_scores(results.detections, given)
    known = detection_scores(results.detections, given, labelled_only=True)
    print(
        f'detection, whatever its score: AP {100 * every["AP"]:.2f}, recall '
        f'{100 * every["recall"]:.2f}, recall of labelled persons '
        f'{100 * known["recall"]:.2f}'
    )


def native_boxes(dataset: str, root: str, images: list[str]) -> PersonBoxes:
    """The annotated boxes of the test images, in the order of ``images``."""
    form = find_form(dataset)
    split = form.read(NativeRoot(root, form.provenance)).split('test')
    records = {record.img_path: record for record in split.records}
    rows = []
    for image in images:
        record = records[image]
        kept = ~record.ignored
        rows.append(
            dict(bboxes=record.boxes[kept], person_ids=record.person_ids[kept])
        )
    return PersonBoxes.join(rows)


def _print_comparison(first: ScoreTable, second: ScoreTable) -> None:
    compared = {}
    for key, scores in first.items():
        branch, protocol = key
        other = second.get(key)
        if other is None:
            continue
        _, mine, theirs = np.intersect1d(
            scores.queries, other.queries, return_indices=True
        )
        compared[branch, protocol, 'mAP'] = compare_paired(
            scores.average_precisions[mine], other.average_precisions[theirs]
        )
        compared[branch, protocol, 'top-1'] = compare_paired(
            scores.top[mine, 0], other.top[theirs, 0]
        )
    if not compared:
        raise UserError('the two files have no branch in common')
    print(format_comparison(compared))
