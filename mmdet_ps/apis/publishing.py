"""Writes a trained model as a folder that is ready to be uploaded.

The folder is what :func:`mmdet_ps.apis.init_model` reads from a hub: weights
that can hold no code, the configuration as plain values, scores, a model
card, and the SHA-256 of each file.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from mmengine.config import Config

from ..utils.checkpoint import read_checkpoint, training_only
from ..utils.configuration import read_config
from ..utils.errors import UserError
from ..utils.files import write_json, write_text
from ..utils.hub import CARD, CONFIG, SCORES, SUMS, WEIGHTS, sums_of
from ..utils.literal_config import read_literal_config
from ..utils.optional_packages import optional
from ..version import __version__
from .inference import init_model
from .model_card import Publication, model_card

# Of the run and the machine, not of the model.
OF_THE_RUN = ('work_dir', 'load_from', 'resume', 'launcher', 'auto_scale_lr')
WANTED_SCORES = ('branch', 'protocol', 'mAP', 'top1', 'evaluator')


def publish(
    checkpoint: str | os.PathLike,
    folder: str | os.PathLike,
    about: Publication,
    config: str | os.PathLike | None = None,
    trust: bool = False,
) -> Path:
    """Write the folder of a published model, whole or not at all.

    Args:
        checkpoint: Of a training of this package, or converted.
        folder: Must not be there yet.
        about: What the model card says.
        config: Configuration it was trained with; None takes the one that
            mmengine keeps in a checkpoint.
        trust: Also load a checkpoint that could run code of its own.

    Returns:
        Path: The folder.

    Raises:
        UserError: The folder is there already, the checkpoint is not of the
            configuration, or none is known.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise UserError(f'{folder}: is there already; name another folder')
    writer = optional('safetensors.torch')
    meta = read_checkpoint(Path(checkpoint), trust).get('meta')
    meta = meta if isinstance(meta, dict) else {}
    cfg = config_of(checkpoint, meta, config)
    model = init_model(cfg, checkpoint, trust=trust)
    beside = folder.with_name(f'.{folder.name}.{os.getpid()}.part')
    beside.mkdir(parents=True)
    try:
        writer.save_file(
            weights_of(model),
            beside / WEIGHTS,
            metadata=dict(format='pt', mmdet_ps=__version__),
        )
        write_text(beside / CONFIG, config_text(cfg))
        write_json(beside / SCORES, about.scores, indent=1)
        card = model_card(cfg, meta, about, os.path.basename(checkpoint))
        write_text(beside / CARD, card)
        # The writer of tensors lets nobody else read its file.
        shutil.copymode(beside / CONFIG, beside / WEIGHTS)
        write_text(beside / SUMS, sums_of(beside))
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def config_of(
    checkpoint: str | os.PathLike,
    meta: dict,
    config: str | os.PathLike | None,
) -> Config:
    """The configuration of a checkpoint, without what is of the run alone.

    Args:
        checkpoint: The file, for messages.
        meta: What the checkpoint says of its training.
        config: Configuration to take in place of the one in ``meta``.

    Raises:
        UserError: Neither is there.
    """
    if config is not None:
        cfg = read_config(config)
    elif isinstance(text := meta.get('cfg'), str):
        cfg = read_literal_config(text, f'the configuration in {checkpoint}')
    else:
        raise UserError(
            f'{checkpoint}: does not say which configuration it was trained '
            'with; name it: --config CONFIG'
        )
    values = cfg._cfg_dict.to_dict()
    for key in OF_THE_RUN:
        values.pop(key, None)
    roots = {root: f'data/{Path(root).name}' for root in data_roots(values)}
    filename = cfg.filename
    cfg = Config(portable(values, roots))
    cfg._filename = filename
    return cfg


def data_roots(value: object) -> set[str]:
    """Every ``data_root`` of a configuration that is an absolute path."""
    found: set[str] = set()
    if isinstance(value, dict):
        root = value.get('data_root')
        if isinstance(root, str) and os.path.isabs(root):
            found.add(root.rstrip('/'))
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            found |= data_roots(part)
    return found


def portable(value: object, roots: dict[str, str]) -> object:
    """A configuration whose paths hold on every machine.

    Args:
        value: The configuration, or a part of it.
        roots: Absolute path of a dataset -> the path to write for it.
    """
    if isinstance(value, dict):
        return {key: portable(part, roots) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(portable(part, roots) for part in value)
    if isinstance(value, str):
        for root, general in roots.items():
            if f'{value}/'.startswith(f'{root}/'):
                return general + value[len(root) :]
    return value


def config_text(cfg: Config) -> str:
    """A configuration as text, in plain values alone.

    Raises:
        UserError: It holds more than ``read_literal_config`` can read back.
    """
    text = f'"""Written by mmdet_ps {__version__}."""\n\n{cfg.pretty_text}'
    read = read_literal_config(text, 'the configuration')
    if read._cfg_dict.to_dict() != cfg._cfg_dict.to_dict():
        raise UserError(
            'the configuration holds more than plain values, so it cannot '
            'be published'
        )
    return text


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a model that a search uses, on the CPU."""
    apart = tuple(f'{name}.' for name in training_only(model))
    return {
        key: value.detach().cpu().contiguous().clone()
        for key, value in model.state_dict().items()
        if not key.startswith(apart)
    }


def read_scores(paths: Iterable[str | os.PathLike]) -> list[dict]:
    """Rows of scores out of the files that scoring tools write.

    Raises:
        UserError: A file holds something else.
    """
    rows: list[dict] = []
    for path in paths:
        try:
            read = json.loads(Path(path).read_text())
        except json.JSONDecodeError as error:
            raise UserError(f'{path}: is not JSON ({error})') from None
        if not is_scores(read):
            raise UserError(
                f'{path}: holds no rows of scores with the version of the '
                'evaluator; write it with `python tools/test_results.py '
                'RESULTS --json FILE` (or the one of another dataset)'
            )
        # A row does not name its dataset; the name of the file mostly does.
        rows += [{**row, 'file': Path(path).name} for row in read]
    return rows


def is_scores(read: object) -> bool:
    """Whether rows have all that a model card shows."""
    return (
        isinstance(read, Sequence)
        and len(read) > 0
        and all(
            isinstance(row, dict) and all(key in row for key in WANTED_SCORES)
            for row in read
        )
    )
