"""Scoring of result files from the command line, for three datasets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from mmdet_ps.datasets.native.protocols import read_protocols
from mmdet_ps.evaluation.functional import rank_all
from mmdet_ps.evaluation.report import (
    format_scores,
    score_rows,
    score_table,
    write_json,
)
from mmdet_ps.evaluation.results_file import ResultsFile, load_results
from mmdet_ps.evaluation.settings import (
    CHOICES,
    PRESETS,
    SearchSettings,
    preset_settings,
)

# Thresholds for scores that are class probability times centerness; the
# scripts of methods with plain probabilities take 0.5.
DEFAULT_THRESHOLDS = {'cuhk-sysu': 0.2, 'prw': 0.15, 'posetrack21': 0.15}


def add_scoring_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that the scoring tools share."""
    parser.add_argument(
        'results',
        metavar='RESULTS',
        help='dump of tools/test.py --out, or a legacy results_1000.pkl',
    )
    parser.add_argument(
        '--data-root',
        required=True,
        metavar='DIR',
        help='native folder of the dataset',
    )
    parser.add_argument(
        '--json', metavar='OUT', help='write the scores as a list of rows'
    )
    parser.add_argument(
        '--preset',
        choices=list(PRESETS),
        help='score as the script of that project does; the '
        'options below override it',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        metavar='X',
        help='detections below this score leave the gallery',
    )
    for key in ('query_embedding', 'duplicates', 'iou_rule', 'rounding'):
        parser.add_argument(f'--{key.replace("_", "-")}', choices=CHOICES[key])
    parser.add_argument(
        '--confidence-weighted',
        action='store_true',
        default=None,
        help='multiply similarities by detection scores',
    )
    parser.add_argument(
        '--gt-boxes',
        action='store_true',
        default=None,
        help='annotated boxes take the place of detections',
    )
    parser.add_argument(
        '--cbgm',
        nargs=2,
        type=int,
        metavar=('K1', 'K2'),
        help='context bipartite graph matching',
    )
    parser.add_argument(
        '--cbgm-form',
        choices=CHOICES['cbgm_form'],
        help='strongest edge (SeqNet) or mean with it (PSTR)',
    )
    parser.add_argument(
        '--k-reciprocal',
        nargs=3,
        type=float,
        metavar=('K1', 'K2', 'WEIGHT'),
        help='k-reciprocal re-ranking',
    )
    parser.add_argument(
        '--device', default='cpu', help='where similarities are computed'
    )


def settings_of(
    args: argparse.Namespace, dataset: str, stored: ResultsFile
) -> SearchSettings:
    """A preset, or what the dump recommends, with the options put in."""
    if args.preset:
        settings = preset_settings(args.preset, dataset)
    else:
        given = any('gt_embeddings' in record for record in stored.records)
        settings = SearchSettings(
            score_thr=DEFAULT_THRESHOLDS[dataset],
            query_embedding='given-box' if given else 'matched-detection',
        )
        settings = settings.with_options(**stored.header.get('settings', {}))
    if stored.legacy and args.query_embedding is None:
        # Legacy files hold no embeddings of given boxes.
        settings = settings.with_options(query_embedding='matched-detection')
    options = {
        key: getattr(args, key)
        for key in (
            'score_thr',
            'query_embedding',
            'duplicates',
            'iou_rule',
            'rounding',
            'confidence_weighted',
            'gt_boxes',
            'cbgm',
            'cbgm_form',
        )
    }
    if args.k_reciprocal:
        k1, k2, weight = args.k_reciprocal
        options['k_reciprocal'] = (int(k1), int(k2), weight)
    return settings.with_options(**options)


def score_file(
    args: argparse.Namespace, dataset: str, names: Sequence[str] | None
) -> list[dict]:
    """Score one result file; prints the table and writes the rows."""
    stored = load_results(args.results)
    settings = settings_of(args, dataset, stored)
    protocols = read_protocols(dataset, args.data_root, names)
    results = stored.align(protocols[0].images)
    scores = score_table(
        rank_all(protocols, results, settings, device=args.device)
    )
    rows = score_rows(scores, protocols)
    print(format_scores(scores, settings))
    if args.json:
        write_json(args.json, rows)
    return rows


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; what the user can mend is one line and exit status 1."""
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f'error: {" ".join(str(error).split())}')
