"""Pre-training checkpoints as weights to fine-tune from."""

import re

from mmdet_ps.utils.errors import UserError

from .checkpoint import BACKBONE_PREFIX, CheckpointError, StateDict

WRAPPER_PREFIX = 'detector.'
KEEP = ('backbone', 'neck', 'all')
# What belongs to the pre-training alone: the domain classifiers with their
# queues, and the identity losses, whose memories hold its identities.
ALIGNMENT = re.compile(r'^alignment\.')
IDENTITY_STATE = re.compile(r'(^|\.)loss(es)?(_\w+)?\.')
# A two-stage detector may run the backbone's last stages on each RoI; they
# keep the names they have in the backbone.
TOP_STAGES = re.compile(r'^roi_head\.(?:.*\.)?((?:layer[34]|layers\.2)\..*)$')


def format_weights(state_dict: StateDict, keep: str) -> StateDict:
    """The part of a checkpoint that fine-tuning starts from.

    Args:
        state_dict: Of a hybrid pre-training or of any detector.
        keep: ``backbone``: the whole backbone, without a prefix; ``neck``:
            backbone and neck, as a detector names them; ``all``: everything
            but domain classifiers and identity memories.
    """
    if keep not in KEEP:
        raise UserError(f'keep is {keep!r}: choose one of {KEEP}')
    weights = {
        key.removeprefix(WRAPPER_PREFIX): value
        for key, value in state_dict.items()
        if not ALIGNMENT.match(key)
    }
    backbone = [key for key in weights if key.startswith(BACKBONE_PREFIX)]
    if not backbone:
        first = ', '.join(list(state_dict)[:3])
        raise CheckpointError(
            f'no backbone among the weights ({first}, ...): give a '
            'checkpoint of a detector or of its hybrid pre-training'
        )
    if keep == 'backbone':
        return {
            **top_stages(weights),
            **{k.removeprefix(BACKBONE_PREFIX): weights[k] for k in backbone},
        }
    if keep == 'neck':
        prefixes = (BACKBONE_PREFIX, 'neck.')
        return {k: v for k, v in weights.items() if k.startswith(prefixes)}
    return {k: v for k, v in weights.items() if not IDENTITY_STATE.search(k)}


def top_stages(weights: StateDict) -> StateDict:
    """The backbone's stages that a RoI head holds, without its prefix."""
    found = {}
    for key, value in weights.items():
        match = TOP_STAGES.match(key)
        if match:
            found.setdefault(match.group(1), value)
    return found


def spread_backbone(
    backbone: StateDict, wanted: StateDict, prefix: str = ''
) -> StateDict:
    """A backbone's weights under the names a detector has for them.

    Args:
        backbone: Without a prefix.
        wanted: State dict of the detector.
        prefix: Of the detector's keys in ``wanted``.
    """
    spread = {f'{prefix}{BACKBONE_PREFIX}{k}': v for k, v in backbone.items()}
    for key in wanted:
        match = TOP_STAGES.match(key.removeprefix(prefix))
        if match and match.group(1) in backbone:
            own = f'{prefix}{BACKBONE_PREFIX}{match.group(1)}'
            if own not in wanted:  # ROI-AlignPS has a stage twice
                spread.pop(own, None)
            spread[key] = backbone[match.group(1)]
    return spread
