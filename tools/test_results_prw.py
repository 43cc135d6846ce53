"""Score search results on PRW, offline.

RESULTS is a dump of tools/test.py (--out) or a results_1000.pkl of the
original AlignPS and ROI-AlignPS scripts; the annotations are read from the
native folder. See docs/evaluation.md for what is computed.
"""

from scoring import score_files, scoring_parser, several

from mmdet_ps.utils.command_line import run_command

DATASET = 'prw'
PROTOCOLS = ('standard', 'cross-camera', 'same-camera', 'mini')


def main() -> None:
    """Read the options and score."""
    parser = scoring_parser(__doc__)
    parser.add_argument(
        '--protocol',
        type=several(*PROTOCOLS, 'all'),
        metavar='NAME',
        default=['standard', 'cross-camera'],
        help=f'out of {", ".join(PROTOCOLS)} or all; several joined by commas '
        '(default: standard,cross-camera)',
    )
    args = parser.parse_args()
    names = None if 'all' in args.protocol else args.protocol
    score_files(args, DATASET, names)


if __name__ == '__main__':
    run_command(main)
