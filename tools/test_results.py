"""Score search results on CUHK-SYSU, offline.

RESULTS is a dump of tools/test.py (--out) or a results_1000.pkl of the
original AlignPS and ROI-AlignPS scripts; the annotations are read from the
native folder. See docs/evaluation.md for what is computed.
"""

from scoring import score_files, scoring_parser, several

from mmdet_ps.utils.command_line import run_command

DATASET = 'cuhk-sysu'
SIZES = ('50', '100', '500', '1000', '2000', '4000', 'all')
SUBSETS = ('occlusion', 'low-resolution')


def main() -> None:
    """Read the options and score."""
    parser = scoring_parser(__doc__)
    parser.add_argument(
        '--gallery-size',
        type=several(*SIZES),
        default=['100'],
        metavar='SIZE',
        help=f'images per gallery, out of {", ".join(SIZES)} (every test '
        'image); several joined by commas (default: 100)',
    )
    parser.add_argument(
        '--subset',
        type=several(*SUBSETS),
        default=[],
        metavar='NAME',
        help=f'also score these queries: {", ".join(SUBSETS)}',
    )
    args = parser.parse_args()
    names = [f'gallery-{size}' for size in args.gallery_size]
    score_files(args, DATASET, names + args.subset)


if __name__ == '__main__':
    run_command(main)
