"""Score search results on PRW, offline.

RESULTS is a dump of tools/test.py (--out) or a results_1000.pkl of the
original AlignPS and ROI-AlignPS scripts; the annotations are read from the
native folder. See docs/evaluation.md for what is computed.
"""

import argparse

from scoring import add_scoring_arguments, run_tool, score_file

DATASET = 'prw'
PROTOCOLS = ('standard', 'cross-camera', 'same-camera', 'mini')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_scoring_arguments(parser)
    parser.add_argument(
        '--protocol',
        nargs='+',
        choices=[*PROTOCOLS, 'all'],
        default=['standard', 'cross-camera'],
        help='galleries to search (default: standard and cross-camera)',
    )
    args = parser.parse_args()
    names = None if 'all' in args.protocol else args.protocol
    score_file(args, DATASET, names)


if __name__ == '__main__':
    run_tool(main)
