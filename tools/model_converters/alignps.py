"""Convert a published AlignPS, AlignPS+ or ROI-AlignPS checkpoint.

Keys of the original code become those of this package's configurations:
``configs/alignps`` for AlignPS and AlignPS+, ``configs/roi_alignps`` for
ROI-AlignPS. The identity memories are kept, so that training can go on.
"""

import argparse
import os
import pickle
import re
import sys
from pathlib import Path

import torch
from torch import Tensor

# Original key (from its start) -> ours; None drops it.
RENAMES = [
    (r'bbox_head\.labeled_matching_layer\.(lookup_table)$',
     r'bbox_head.loss_reid.memory.\1'),
    (r'bbox_head\.unlabeled_matching_layer\.(queue|tail)$',
     r'bbox_head.loss_reid.memory.\1'),
    (r'roi_head\.bbox_head\.loss_oim\.lut$',
     'roi_head.loss_reid.memory.lookup_table'),
    (r'roi_head\.bbox_head\.loss_oim\.cq$',
     'roi_head.loss_reid.memory.queue'),
    (r'roi_head\.bbox_head\.embedding_head\.projectors\.',
     'roi_head.bbox_head.embedding.projections.'),
    (r'roi_head\.bbox_head\.embedding_head\.rescaler\.',
     'roi_head.bbox_head.norm_scale.'),
    (r'mi_estimator\.T_func\.', 'mutual_information.network.'),
    # Layers that the original code makes and never uses.
    (r'roi_head\.bbox_head\.fc_cls\.', None),
    (r'(loss_oim|labeled_matching_layer|unlabeled_matching_layer)\.', None),
    # Everything else keeps its name.
    (r'((backbone|neck|bbox_head|rpn_head|roi_head)\.)', r'\1'),
]  # fmt: skip


def convert(
    state: dict[str, Tensor], reset_memories: bool = False
) -> tuple[dict[str, Tensor], list[str]]:
    """Converted state dict and the keys that were dropped."""
    converted, dropped = {}, []
    for key, value in state.items():
        name = new_name(key)
        if name is None:
            dropped.append(key)
        else:
            converted[name] = value
    for key in [k for k in converted if k.endswith('.memory.queue')]:
        complete_memory(converted, key.removesuffix('queue'))
    if reset_memories:
        for key, value in converted.items():
            if '.memory.' in key:
                converted[key] = torch.zeros_like(value)
    return converted, dropped


def new_name(key: str) -> str | None:
    """Our name of an original key, None for what we have no use for."""
    for pattern, replacement in RENAMES:
        if re.match(pattern, key):
            if replacement is None:
                return None
            return re.sub('^' + pattern, replacement, key)
    return None


def complete_memory(state: dict[str, Tensor], prefix: str) -> None:
    """Add what the original code does not save: the RoI branch's writing
    position starts over, as there, and slots that hold zeros are free."""
    filled = state[prefix + 'queue'].any(dim=1).sum()
    state.setdefault(prefix + 'tail', torch.zeros_like(filled))
    state[prefix + 'count'] = filled


def load(path: Path, trust: bool) -> dict[str, Tensor]:
    """State dict of a checkpoint file in the original layout."""
    try:
        checkpoint = torch.load(
            path, map_location='cpu', weights_only=not trust
        )
    except FileNotFoundError:
        sys.exit(f'error: {path} does not exist')
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        sys.exit(
            f'error: {path} holds more than tensors ({reason}); --trust '
            'reads it all the same, which may run code from the file'
        )
    except (RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        sys.exit(f'error: {path} is not a PyTorch checkpoint: {reason}')
    state = checkpoint.get('state_dict', checkpoint)
    state = {k.removeprefix('module.'): v for k, v in state.items()}
    if 'bbox_head.labeled_matching_layer.lookup_table' not in state:
        sys.exit(
            f'error: {path} has no bbox_head.labeled_matching_layer.'
            'lookup_table: give a checkpoint of the original AlignPS code'
        )
    return state


def save(state: dict[str, Tensor], path: Path, source: Path) -> None:
    """Write beside ``path``, then rename."""
    meta = dict(
        converted_from=source.name, dataset_meta=dict(classes=('person',))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + '.part')
    torch.save(dict(meta=meta, state_dict=state), partial)
    os.replace(partial, path)


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='original checkpoint')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument(
        '--reset-memories',
        action='store_true',
        help='empty the identity memories (to fine-tune on another dataset; '
        'their sizes stay)',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read a file that holds more than tensors',
    )
    args = parser.parse_args()
    state, dropped = convert(
        load(args.source, args.trust), args.reset_memories
    )
    save(state, args.target, args.source)
    for key in dropped:
        print(f'dropped {key}')
    print(
        f'{args.target}: {len(state)} entries, {len(dropped)} dropped as '
        'not used by any configuration'
    )


if __name__ == '__main__':
    main()
