"""Pre-training checkpoints as weights to fine-tune from."""

import re
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from .checkpoint import (
    BACKBONE_PREFIX,
    CheckpointError,
    StateDict,
    read_checkpoint,
    under_prefix,
)

# Hybrid pre-training keeps the detector below this prefix. What lies beside
# it (domain classifiers, queues, predictors) is of use to pre-training alone.
WRAPPER_PREFIX = 'detector.'
KEEP = ('backbone', 'neck', 'all')
# The key of a checkpoint's meta that lists the modules of identity losses.
IDENTITY_STATE = 'identity_state'
# What tells them in the checkpoints of version 0.1, which lack that list.
LIKELY_IDENTITY_STATE = re.compile(r'(^|\.)(loss(es)?(_\w+)?|scene_memory)\.')
# The key of a backbone's file under which the stages lie that were trained on
# RoIs, where the backbone has stages of the same names trained on images.
ROI_STAGES = 'roi_stages'
# A two-stage detector may run the backbone's last stages on each RoI; they
# keep the names they have in the backbone. Names that other layers may have,
# too, count directly below `shared_head` or a name that ends with `top`.
TOP_STAGES = re.compile(
    r'^roi_head\.(?:.*?\.)?((?:layer[34]|layers\.2|'
    r'(?:(?<=top\.)|(?<=shared_head\.))'
    r'(?:stages|layers\.3|blocks|norm3|semantic_embed_[wb]))\..*)$'
)


def format_weights(
    state_dict: StateDict,
    keep: str,
    identity_state: Sequence[str] | None = None,
) -> StateDict:
    """The part of a checkpoint that fine-tuning starts from.

    Args:
        state_dict (dict): of a hybrid pre-training or of any detector.
        keep (str): ``backbone``: the whole backbone, without a prefix;
            ``neck``: backbone and neck, as a detector names them; ``all``: the
            whole detector but for its identity memories.
        identity_state (Sequence[str], optional): names in ``state_dict`` of
            the modules that hold the persons of the training, as the
            checkpoint's meta lists them. Without it they are told by their
            names.

    Returns:
        dict: weights by the names they have in a detector or, for
        ``backbone``, in the backbone.

    Raises:
        CheckpointError: the weights hold no backbone.
    """
    if keep not in KEEP:
        raise ValueError(f'keep is {keep!r}: choose one of {KEEP}')
    weights = detector_weights(state_dict)
    state = {
        key.removeprefix(WRAPPER_PREFIX)
        for key in identity_keys(state_dict, identity_state)
    }
    backbone = under_prefix(weights, BACKBONE_PREFIX)
    if not backbone:
        first = ', '.join(list(state_dict)[:3])
        raise CheckpointError(
            f'no backbone among the weights ({first}, ...): give a '
            'checkpoint of a detector or of its hybrid pre-training'
        )
    if keep == 'backbone':
        return {**top_stages(weights), **backbone}
    if keep == 'neck':
        prefixes = (BACKBONE_PREFIX, 'neck.')
        return {k: v for k, v in weights.items() if k.startswith(prefixes)}
    return {k: v for k, v in weights.items() if k not in state}


def detector_weights(state_dict: StateDict) -> StateDict:
    """The weights of a detector, taken out of its hybrid pre-training."""
    if any(key.startswith(WRAPPER_PREFIX) for key in state_dict):
        return under_prefix(state_dict, WRAPPER_PREFIX)
    return state_dict


def roi_stages(state_dict: StateDict) -> StateDict:
    """Stages that a RoI head trained although its backbone has them, too.

    ROI-AlignPS has its last stage twice: on the image, for the neck, and on
    RoIs. A method that runs this stage on RoIs alone (OIM, NAE, BSL, SeqNet)
    is better served by the second one.

    Args:
        state_dict (dict): of a detector or of its hybrid pre-training.

    Returns:
        dict: the second ones, without a prefix; none where there is only one.
    """
    weights = detector_weights(state_dict)
    return {
        key: value
        for key, value in top_stages(weights).items()
        if BACKBONE_PREFIX + key in weights
    }


def identity_keys(
    state_dict: StateDict, modules: Sequence[str] | None
) -> set[str]:
    """Keys of a state dict that hold the persons of its training.

    Args:
        state_dict (dict): of any model.
        modules (Sequence[str], optional): names of the modules that hold them;
            None to tell the keys by the names that this project gives to
            losses.
    """
    if modules is None:
        return {key for key in state_dict if LIKELY_IDENTITY_STATE.search(key)}
    return module_keys(state_dict, modules)


def module_keys(state_dict: StateDict, modules: Sequence[str]) -> set[str]:
    """Keys of a state dict that lie in some modules, given by name."""
    prefixes = tuple(f'{name}.' for name in modules)
    return {key for key in state_dict if key.startswith(prefixes)}


def top_stages(weights: StateDict) -> StateDict:
    """The backbone's stages that a RoI head holds, without its prefix."""
    found = {}
    for key, value in weights.items():
        match = TOP_STAGES.match(key)
        if match:
            found.setdefault(match.group(1), value)
    return found


def spread_backbone(
    backbone: StateDict,
    wanted: StateDict,
    prefix: str = '',
    on_rois: StateDict | None = None,
) -> StateDict:
    """A backbone's weights under the names a detector has for them.

    Args:
        backbone (dict): without a prefix.
        wanted (dict): state dict of the detector.
        prefix (str): of the detector's keys in ``wanted``.
        on_rois (dict, optional): stages for the RoI head, in place of the
            backbone's; see :func:`roi_stages`.
    """
    stages = {**backbone, **(on_rois or {})}
    spread = {f'{prefix}{BACKBONE_PREFIX}{k}': v for k, v in backbone.items()}
    for key in wanted:
        match = TOP_STAGES.match(key.removeprefix(prefix))
        if match and match.group(1) in stages:
            own = f'{prefix}{BACKBONE_PREFIX}{match.group(1)}'
            if own not in wanted:  # ROI-AlignPS has a stage twice
                spread.pop(own, None)
            spread[key] = stages[match.group(1)]
    return spread


def load_roi_stages(top: nn.Module) -> None:
    """Prefer, in the file of a backbone, the stages trained on RoIs.

    ``tools/model_converters/format_pretrained_weights.py --keep backbone``
    puts them beside the backbone's where a detector had both. Files without
    them, and weights that are downloaded, are left at what they gave.

    Args:
        top (nn.Module): stages that run on RoIs, initialised as its
            ``init_cfg`` says.
    """
    init_cfg = top.init_cfg
    if not isinstance(init_cfg, dict) or init_cfg['type'] != 'Pretrained':
        return
    path = Path(init_cfg['checkpoint'])
    stages = read_checkpoint(path).get(ROI_STAGES) if path.is_file() else None
    if stages:
        top.load_state_dict(stages, strict=False)
