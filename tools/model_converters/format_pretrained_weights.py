"""Make weights to fine-tune from out of a pre-training checkpoint.

backbone: the backbone alone, keys without a prefix under ``state_dict`` (the
form of the published ``psvis`` weights); where the RoI head trained a copy of
the last stage, that copy lies beside it under ``roi_stages``. neck: backbone
and neck. all: the whole detector but for its identity memories. What belongs
to pre-training alone (domain classifiers and their queues) is in none of them.
"""

import argparse
from collections import Counter
from pathlib import Path

from mmdet_ps.utils.checkpoint import (
    CheckpointError,
    read_checkpoint,
    save_checkpoint,
)
from mmdet_ps.utils.command_line import (
    ArgumentParser,
    add_trust,
    run_command,
)
from mmdet_ps.utils.pretrained_weights import (
    IDENTITY_STATE,
    KEEP,
    ROI_STAGES,
    format_weights,
    roi_stages,
)
from mmdet_ps.version import __version__


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('src', type=Path, help='checkpoint of a pre-training')
    parser.add_argument(
        'dst', help='file to write; {keep} in its name stands for the form'
    )
    parser.add_argument(
        '--keep',
        choices=KEEP,
        nargs='+',
        default=['all'],
        help='form, or several if {keep} is in the name (default: all)',
    )
    add_trust(parser)
    args = parser.parse_args()
    if len(args.keep) > 1 and '{keep}' not in args.dst:
        parser.error(
            f'{len(args.keep)} forms, one file: write {{keep}} into its name'
        )
    return args


def main() -> None:
    """Format one checkpoint."""
    args = parse_args()
    checkpoint = read_checkpoint(args.src, args.trust)
    source_meta = checkpoint.get('meta')
    if not isinstance(source_meta, dict):
        source_meta = {}
    identity_state = source_meta.get(IDENTITY_STATE)
    for keep in args.keep:
        path = Path(args.dst.replace('{keep}', keep))
        try:
            weights = format_weights(
                checkpoint['state_dict'], keep, identity_state
            )
        except CheckpointError as error:
            raise CheckpointError(f'{args.src}: {error}') from error
        meta = describe(args.src, keep, source_meta)
        content = dict(meta=meta, state_dict=weights)
        if keep == 'backbone':
            stages = roi_stages(checkpoint['state_dict'])
            content.update({ROI_STAGES: stages} if stages else {})
        save_checkpoint(content, path)
        counts = Counter(key.split('.')[0] for key in weights)
        parts = ', '.join(f'{n} {part}' for part, n in counts.items())
        print(
            f'{path}: {len(weights)} of {len(checkpoint["state_dict"])} '
            f'entries ({parts})'
        )


def describe(source: Path, keep: str, source_meta: dict) -> dict:
    """Where the weights come from, in plain values."""
    copied = ('experiment_name', 'epoch', 'iter', 'seed', 'time')
    return dict(
        keep=keep,
        source=source.name,
        version=__version__,
        **{
            key: source_meta[key]
            for key in copied
            if isinstance(source_meta.get(key), (str, int, float))
        },
    )


if __name__ == '__main__':
    run_command(main)
