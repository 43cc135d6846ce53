"""Score search results on PoseTrack21, offline.

RESULTS is a dump of tools/test.py (--out), or a legacy file in the order of
val.json; the annotations are read from the native folder. See
docs/evaluation.md for what is computed.
"""

import argparse

from scoring import add_scoring_arguments, run_tool, score_file

DATASET = 'posetrack21'
PROTOCOLS = ('standard', 'other-video')


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
        default=['standard'],
        help='galleries to search (default: standard); other-video leaves '
        'out the video of the query and is not comparable with papers',
    )
    args = parser.parse_args()
    names = PROTOCOLS if 'all' in args.protocol else args.protocol
    score_file(args, DATASET, names)


if __name__ == '__main__':
    run_tool(main)
