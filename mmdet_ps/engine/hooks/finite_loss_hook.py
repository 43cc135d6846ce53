"""Stops a training whose loss is no number, and says where it began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdet_ps.utils.errors import UserError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at a loss that is not finite, naming the images of its batch.

    mmdet's ``CheckInvalidLossHook`` looks at the loss of every n-th step, by
    which time the step that went wrong is forgotten. This one remembers the
    losses since its last look, on their device, so that looking costs one
    wait of the host in n steps.

    Args:
        interval: Steps between two looks.

    Raises:
        UserError: A loss was not finite.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        # Of every step since the last look: its number, log, and images.
        self.steps: list[tuple[int, dict, list[str]]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Remember the step, and look from time to time."""
        log = {
            key: value.detach()
            for key, value in (outputs or {}).items()
            if isinstance(value, torch.Tensor) and 'loss' in key
        }
        if 'loss' in log:
            self.steps.append(
                (runner.iter, log, list(image_paths(data_batch)))
            )
        if self.every_n_train_iters(runner, self.interval):
            self.look()

    def gather_before_save(self, runner: Runner) -> None:
        """Look before a checkpoint is written, which is to be resumed from.

        ``WholeCheckpointHook`` calls it. Short epochs would else replace all
        good checkpoints by broken ones between two looks.
        """
        self.look()

    def after_train(self, runner: Runner) -> None:
        """Look at what is left."""
        self.look()

    def look(self) -> None:
        """Look at the losses since the last time, and forget them."""
        steps, self.steps = self.steps, []
        if not steps:
            return
        losses = torch.stack([log['loss'].float() for _, log, _ in steps])
        finite = losses.isfinite().tolist()
        if all(finite):
            return
        number, log, images = steps[finite.index(False)]
        parts = [
            key
            for key, value in log.items()
            if key != 'loss' and not bool(value.isfinite().all())
        ]
        raise UserError(
            f'the loss of step {number + 1} is not finite '
            f'({", ".join(parts) or "the sum of its parts"}); the images of '
            f'that step: {", ".join(images) or "unknown"}. Look at their '
            'boxes (tools/analysis_tools/browse_dataset.py); if they are '
            'right, lower the learning rate or lengthen the warm-up, and '
            'resume from the last checkpoint'
        )


def image_paths(value: Any) -> Iterator[str]:
    """Paths of the images in a batch of any form."""
    if isinstance(value, dict):
        for part in value.values():
            yield from image_paths(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from image_paths(part)
    elif hasattr(value, 'metainfo') and value.metainfo.get('img_path'):
        yield str(value.metainfo['img_path'])
