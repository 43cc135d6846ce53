"""What checkpoints of SeqNet, and of projects that began as it, share."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from .checkpoint import CheckpointError, read_checkpoint, save_checkpoint

# SeqNet keeps PRW's own numbers of its training persons, 1 to 478, 480 to 483
# and 932, less one as rows of a table of 482: row 478 is nobody's, and persons
# 483 and 932 have none. Here the 483 persons are numbered without a gap.
PRW_ROWS, PRW_IDENTITIES = 482, 483
PRW_GAP = 478
FIRST_PERSON_DELTA = 4  # rows 0 to 3 are the background's

Weights = dict[str, Tensor]


def adapt_heads(weights: Weights, dropped: list[str]) -> None:
    """Class and box layers in this project's form, in place.

    Args:
        weights: the layers of a softmax over background and person are
            called ``fc_cls``, the ones of the boxes ``fc_reg``.
        dropped: what was left out of them is added.
    """
    for key, value in weights.items():
        if '.fc_cls.' in key:
            weights[key] = value.flip(0)  # person first, background last
        elif '.fc_reg.' in key and value.ndim:
            weights[key] = value[FIRST_PERSON_DELTA:]
            dropped.append(f'{key}: rows of the background')


def adapt_memories(weights: Weights, dropped: list[str]) -> None:
    """Identity memories in this project's form, in place.

    Args:
        weights: the tables and queues are called ``memory.lookup_table`` and
            ``memory.queue``.
        dropped: what was left out of them is added.
    """
    for key in [key for key in weights if key.endswith('memory.lookup_table')]:
        table = weights[key]
        if len(table) == PRW_ROWS:
            moved = torch.cat([table[:PRW_GAP], table[PRW_GAP + 1 :]])
            weights[key] = table.new_zeros(PRW_IDENTITIES, table.size(1))
            weights[key][: len(moved)] = moved
            dropped.append(f'{key}: row {PRW_GAP}, of no training person')
    for key in [key for key in weights if key.endswith('memory.queue')]:
        # The writing position is not saved there; slots of zeros are free.
        filled = weights[key].any(dim=1).sum()
        memory = key.removesuffix('queue')
        weights[memory + 'count'] = filled
        weights[memory + 'tail'] = filled % len(weights[key])


def convert_file(
    src: Path,
    dst: Path,
    trust: bool,
    convert: Callable[[Weights], tuple[Weights, list[str]]],
    project: str,
    example: str,
) -> None:
    """Convert one file, and print what was left out.

    Args:
        src: the checkpoint.
        dst: the file to write.
        trust: load it whatever it contains.
        convert: weights to those in this project's layout, and what was
            dropped.
        project: whose checkpoint it is, for messages.
        example: name of one.

    Raises:
        CheckpointError: it is none of that project.
    """
    weights = read_checkpoint(src, trust)['state_dict']
    try:
        weights, dropped = convert(weights)
    except KeyError as error:
        raise CheckpointError(
            f'{src}: key {error} is not of {project}; give a checkpoint of '
            f'that project, such as {example}'
        ) from error
    save_checkpoint(dict(state_dict=weights, meta=dict()), dst)
    print(f'{dst}: {len(weights)} tensors')
    for key in dropped:
        print(f'dropped {key}')
