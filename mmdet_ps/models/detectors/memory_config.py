"""Sizes of the identity memories anywhere in a detector's config."""

import copy
import inspect
from typing import Any

from mmdet.registry import MODELS

from mmdet_ps.utils.errors import UserError

from ..losses.identity_loss import IdentityLoss


def with_memories(detector: dict, **options: int | None) -> dict:
    """A copy of a detector's config with other memories.

    Args:
        detector: The config.
        options: ``num_identities``, ``queue_size``: set in every identity
            loss that has them; None leaves what the config says.
    """
    options = {key: v for key, v in options.items() if v is not None}
    detector = copy.deepcopy(detector)
    if not options:
        return detector
    losses = identity_losses(detector)
    if not losses:
        raise UserError(
            f'{options} for {detector.get("type")}, but its config has no '
            'identity loss to set them in'
        )
    for loss in losses:
        known = inspect.signature(_class_of(loss)).parameters
        loss.update({k: v for k, v in options.items() if k in known})
    return detector


def identity_losses(config: dict) -> list[dict]:
    """Every part of a config that builds an identity loss."""
    found, parts = [], [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts.extend(part.values())
            kind = _class_of(part)
            if inspect.isclass(kind) and issubclass(kind, IdentityLoss):
                found.append(part)
        elif isinstance(part, (list, tuple)):
            parts.extend(part)
    return found


def _class_of(part: dict) -> Any:
    kind = part.get('type')
    return MODELS.get(kind) if isinstance(kind, str) else kind
