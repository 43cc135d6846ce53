"""Convert a published AlignPS, AlignPS+ or ROI-AlignPS checkpoint.

Keys of the original code become those of this package's configurations:
``configs/alignps`` for AlignPS and AlignPS+, ``configs/roi_alignps`` for
ROI-AlignPS. The identity memories are kept, so that training can go on.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

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
from mmdet_ps.utils.key_rules import rename_keys

DENSE_MEMORY = 'bbox_head.loss_reid.memory.'
ROI_MEMORY = 'roi_head.loss_reid.memory.'
RULES = [
    (
        r'bbox_head\.labeled_matching_layer\.lookup_table',
        DENSE_MEMORY + 'lookup_table',
    ),
    (
        r'bbox_head\.unlabeled_matching_layer\.(queue|tail)',
        DENSE_MEMORY + r'\1',
    ),
    (r'roi_head\.bbox_head\.loss_oim\.lut', ROI_MEMORY + 'lookup_table'),
    (r'roi_head\.bbox_head\.loss_oim\.cq', ROI_MEMORY + 'queue'),
    (
        r'roi_head\.bbox_head\.embedding_head\.projectors\.(.*)',
        r'roi_head.bbox_head.embedding.projections.\1',
    ),
    (
        r'roi_head\.bbox_head\.embedding_head\.rescaler\.(.*)',
        r'roi_head.bbox_head.norm_scale.\1',
    ),
    (r'mi_estimator\.T_func\.(.*)', r'mutual_information.network.\1'),
    # Made by the original code and never used.
    (r'roi_head\.bbox_head\.fc_cls\..*', None),
    (r'loss_oim\..*', None),
    (r'(labeled|unlabeled)_matching_layer\..*', None),
    # Everything else keeps its name.
    (r'((backbone|neck|bbox_head|rpn_head|roi_head)\..*)', r'\1'),
]
SIGN = 'bbox_head.labeled_matching_layer.lookup_table'


def convert(
    state: dict[str, Tensor], reset_memories: bool = False
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights in this project's layout, and the keys that were dropped."""
    converted, dropped = rename_keys(state, RULES)
    for prefix in (DENSE_MEMORY, ROI_MEMORY):
        if prefix + 'queue' in converted:
            complete_memory(converted, prefix)
    if reset_memories:
        for key, value in converted.items():
            if key.startswith((DENSE_MEMORY, ROI_MEMORY)):
                converted[key] = torch.zeros_like(value)
    return converted, dropped


def complete_memory(state: dict[str, Tensor], prefix: str) -> None:
    """Add what the original code does not save: the RoI branch's writing
    position starts over, as there; slots that hold zeros are free."""
    filled = state[prefix + 'queue'].any(dim=1).sum()
    state.setdefault(prefix + 'tail', torch.zeros_like(filled))
    state[prefix + 'count'] = filled


def convert_file(
    source: Path, target: Path, reset_memories: bool, trust: bool
) -> None:
    """Convert one file, and print what was left out."""
    state = read_checkpoint(source, trust)['state_dict']
    if SIGN not in state:
        raise CheckpointError(
            f'{source}: has no {SIGN}; give a checkpoint of the original '
            'AlignPS code'
        )
    try:
        converted, dropped = convert(state, reset_memories)
    except KeyError as error:
        raise CheckpointError(
            f'{source}: key {error} is not of AlignPS or ROI-AlignPS; give '
            'a checkpoint of the original AlignPS code'
        ) from error
    meta = dict(
        converted_from=source.name, dataset_meta=dict(classes=('person',))
    )
    save_checkpoint(dict(meta=meta, state_dict=converted), target)
    print(f'{target}: {len(converted)} tensors')
    for key in dropped:
        print(f'dropped {key} (the original code never uses it)')


def main() -> None:
    """Run the command line."""
    parser = ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('src', type=Path, help='original checkpoint')
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--reset-memories',
        action='store_true',
        help='empty the identity memories; their sizes stay',
    )
    add_trust(parser)
    args = parser.parse_args()
    convert_file(args.src, args.dst, args.reset_memories, args.trust)


if __name__ == '__main__':
    run_command(main)
