"""Score search results on PoseTrack21, offline.

RESULTS is a dump of tools/test.py (--out), or a legacy file in the order of
val.json; the annotations are read from the native folder. See
docs/evaluation.md for what is computed.
"""

from scoring import score_files, scoring_parser, several

from mmdet_ps.utils.command_line import run_command

DATASET = 'posetrack21'
PROTOCOLS = ('standard', 'other-video')


def main() -> None:
    """Read the options and score."""
    parser = scoring_parser(__doc__)
    parser.add_argument(
        '--protocol',
        type=several(*PROTOCOLS, 'all'),
        metavar='NAME',
        default=['standard'],
        help='standard (default), other-video or all; other-video leaves out '
        'the video of the query and is not comparable with papers',
    )
    args = parser.parse_args()
    names = PROTOCOLS if 'all' in args.protocol else args.protocol
    score_files(args, DATASET, names)


if __name__ == '__main__':
    run_command(main)
