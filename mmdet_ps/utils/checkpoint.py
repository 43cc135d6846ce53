"""Loads weights and says what was loaded, as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from .files import replacing
from .safe_load import CheckpointError, load_file

StateDict = dict[str, Tensor]
# Packages of what only a training uses, and how files name it.
TRAINING = re.compile(r'\bmodels\.(losses|alignment)\b')
LIKELY_TRAINING = re.compile(
    r'(^|\.)(loss(es)?(_\w+)?|alignment|mutual_information)\.'
)
# Batch counters of normalisation layers that old files lack.
NEVER_MISSED = 'num_batches_tracked'
BACKBONE_PREFIX = 'backbone.'
# Where projects put their weights in a file, in this order: mmengine and
# most others, SeqNet, deep-person-search (within the first).
NESTS = ('state_dict', 'model', 'detector')


@dataclass
class LoadReport:
    """What a state dict gave to a module.

    Attributes:
        loaded: Keys that went in.
        missing: Keys of the module the file lacks.
        unexpected: Keys of the file the module lacks.
        misshapen: Keys of both with the shapes in the module and the file.
    """

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, tuple] = field(default_factory=dict)

    def table(self, limit: int | None = 40) -> str:
        """A table with one row per key that did not go in.

        Args:
            limit: Rows of each kind to show; None shows all.
        """
        problems = [
            ('missing', self.missing),
            ('unexpected', self.unexpected),
            ('mis-shaped', [_describe(*i) for i in self.misshapen.items()]),
        ]
        lines = [
            f'{len(self.loaded)} loaded, '
            + ', '.join(f'{len(keys)} {kind}' for kind, keys in problems)
        ]
        for kind, keys in problems:
            shown = keys if limit is None else keys[:limit]
            lines += [f'  {kind:<10} | {key}' for key in shown]
            if len(keys) > len(shown):
                rest = len(keys) - len(shown)
                lines.append(f'  {kind:<10} | ... and {rest} more')
        return '\n'.join(lines)

    def require(self, prefix: str, source: str) -> None:
        """Raise unless a parameter under ``prefix`` was loaded."""
        wanted = [
            key
            for key in [*self.loaded, *self.missing, *self.misshapen]
            if key.startswith(prefix)
        ]
        if wanted and not any(k.startswith(prefix) for k in self.loaded):
            raise CheckpointError(
                f'{source}: nothing fits the {prefix.rstrip(".") or "module"} '
                f'({len(wanted)} keys wanted, e.g. {wanted[0]}); the file '
                f'holds e.g. {", ".join(self.unexpected[:3]) or "nothing"}. '
                'Check that it is of this architecture.'
            )

    def differences(self, training: Sequence[str] = ()) -> str:
        """What keeps the model from answering as it was trained, in a line.

        Args:
            training: Modules of the model that only its training uses.

        Returns:
            str: Empty if there is nothing.
        """
        prefixes = tuple(f'{name}.' for name in training)
        lacking = [k for k in self.missing if not k.startswith(prefixes)]
        misshapen = [
            _describe(key, shapes)
            for key, shapes in self.misshapen.items()
            if not key.startswith(prefixes)
        ]
        parts = [
            f'{len(keys)} {kind} ({"; ".join(keys[:2])}'
            + (', ...)' if len(keys) > 2 else ')')
            for kind, keys in (
                ('lacking', lacking),
                ('of another shape', misshapen),
            )
            if keys
        ]
        return ', '.join(parts)

    def foreign(self) -> list[str]:
        """Entries of the file that a model like this would have a use for."""
        return [k for k in self.unexpected if not LIKELY_TRAINING.search(k)]


def training_only(module: nn.Module) -> list[str]:
    """Names of the modules within one that only its training uses.

    They are losses and what aligns sources; a class is one by the package
    that it, or a class it derives from, is defined in.
    """
    return [
        name
        for name, part in module.named_modules()
        if any(TRAINING.search(kind.__module__) for kind in type(part).__mro__)
    ]


def _describe(key: str, shapes: tuple) -> str:
    wanted, given = (tuple(shape) for shape in shapes)
    return f'{key}: model {wanted}, file {given}'


def compare(wanted: StateDict, given: StateDict) -> LoadReport:
    """What would happen if ``given`` were loaded where ``wanted`` is."""
    report = LoadReport()
    for key, value in wanted.items():
        if key not in given:
            if not key.endswith(NEVER_MISSED):
                report.missing.append(key)
        elif value.shape != given[key].shape:
            report.misshapen[key] = (value.shape, given[key].shape)
        else:
            report.loaded.append(key)
    report.unexpected = [key for key in given if key not in wanted]
    return report


def read_checkpoint(path: str | Path, trust: bool = False) -> dict:
    """A file's content as a dict with at least a ``state_dict``.

    Plain state dicts are wrapped; ``module.`` of distributed training is
    taken off the keys.

    Args:
        path: File of weights.
        trust: Also load what could run code of its own, see ``safe_load``.

    Raises:
        CheckpointError: The file holds no weights, or is refused.
    """
    content = load_file(path, trust=trust)
    if not isinstance(content, dict):
        raise CheckpointError(
            f'{path}: holds a {type(content).__name__}, not a dict of '
            'weights; save the state_dict of a model'
        )
    weights = plain_state_dict(content)
    if not weights:
        raise CheckpointError(
            f'{path}: holds no weights; save the state_dict of a model'
        )
    if not set(NESTS) & set(content):
        content = {}
    return {**content, 'state_dict': weights}


def plain_state_dict(checkpoint: dict) -> StateDict:
    """The tensors of a checkpoint (or of a plain state dict).

    ``module.`` of distributed training is taken off the keys.
    """
    for key in NESTS:
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
    return {
        key.removeprefix('module.'): value
        for key, value in checkpoint.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }


def under_prefix(state_dict: StateDict, prefix: str) -> StateDict:
    """The entries below ``prefix``, which is taken off."""
    return {
        key.removeprefix(prefix): value
        for key, value in state_dict.items()
        if key.startswith(prefix)
    }


def load_weights(
    module: nn.Module, path: str | PathLike, trust: bool = False
) -> LoadReport:
    """Load a file into a module as far as keys and shapes agree.

    A backbone finds its weights in a file of the backbone alone as well as
    in one of a whole detector.

    Args:
        module: Receives the weights.
        path: File of weights.
        trust: As of :func:`read_checkpoint`.

    Returns:
        LoadReport: What was loaded; nothing at all is an error.
    """
    given = read_checkpoint(path, trust)['state_dict']
    wanted = module.state_dict()
    report = compare(wanted, given)
    if not report.loaded:
        inner = under_prefix(given, BACKBONE_PREFIX)
        if inner:
            given, report = inner, compare(wanted, inner)
    report.require('', str(path))
    module.load_state_dict({k: given[k] for k in report.loaded}, strict=False)
    return report


def save_checkpoint(checkpoint: dict, path: str | Path) -> None:
    """Write a checkpoint whole or not at all."""
    with replacing(path) as beside:
        torch.save(checkpoint, beside)
