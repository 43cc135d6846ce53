"""Score search results on CUHK-SYSU, offline.

RESULTS is a dump of tools/test.py (--out) or a results_1000.pkl of the
original AlignPS and ROI-AlignPS scripts; the annotations are read from the
native folder. See docs/evaluation.md for what is computed.
"""

import argparse

from scoring import add_scoring_arguments, run_tool, score_file

DATASET = 'cuhk-sysu'
SIZES = ('50', '100', '500', '1000', '2000', '4000', 'all')
SUBSETS = ('occlusion', 'low-resolution')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_scoring_arguments(parser)
    parser.add_argument(
        '--gallery-size',
        nargs='+',
        choices=SIZES,
        default=['100'],
        help='images per gallery (default: 100); all is every test image',
    )
    parser.add_argument(
        '--subset',
        nargs='+',
        choices=SUBSETS,
        default=[],
        help='also score these queries',
    )
    args = parser.parse_args()
    names = [f'gallery-{size}' for size in args.gallery_size]
    score_file(args, DATASET, names + args.subset)


if __name__ == '__main__':
    run_tool(main)
