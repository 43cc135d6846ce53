"""What to change in a configuration so that it fits a GPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from mmengine.config import Config

from .random_batch import Pictures, pictures_of
from .training_cost import GIB, Cost, step_cost

# What a GPU has to have beyond the peak: CUDA itself and the work space of
# its kernels, in GiB, and the share that the allocator cannot use.
CONTEXT, FRAGMENTS = 0.75, 0.05


class Setting:
    """A configuration with some changes that save memory.

    Args:
        cfg: The configuration; stays as it is.
        precision: One of ``PRECISIONS``.
        batch_size: Pictures per step.
        checkpointing: Whether the backbone keeps only what lies between its
            blocks, and computes the rest again.
    """

    def __init__(
        self, cfg: Config, precision: str, batch_size: int, checkpointing: bool
    ) -> None:
        self.cfg = copy.deepcopy(cfg)
        self.precision = precision
        self.batch_size = batch_size
        self.checkpointing = checkpointing
        if checkpointing:
            self.cfg.merge_from_dict({self._backbone() + '.with_cp': True})
        wanted = cfg.train_dataloader.batch_size
        self.accumulate = -(-wanted // batch_size)
        if self.accumulate > 1:
            self.cfg.optim_wrapper.accumulative_counts = self.accumulate

    def _backbone(self) -> str:
        """The key of the backbone."""
        part = 'model.detector' if 'detector' in self.cfg.model else 'model'
        return f'{part}.backbone'

    def __str__(self) -> str:
        """The options of ``tools/train.py`` that make the changes."""
        changes = []
        if self.checkpointing:
            changes.append(f'{self._backbone()}.with_cp=True')
        if self.accumulate > 1:
            loader = 'train_dataloader'
            changes.append(f'{loader}.batch_size={self.batch_size}')
            if (self.cfg[loader].get('sampler') or {}).get('batch_size'):
                changes.append(
                    f'{loader}.sampler.batch_size={self.batch_size}'
                )
            changes.append(
                f'optim_wrapper.accumulative_counts={self.accumulate}'
            )
        parts = [f'--amp {self.precision}'] * (self.precision != 'fp32')
        if changes:
            parts.append('--cfg-options ' + ' '.join(changes))
        return ' '.join(parts) or 'as it is'

    def pictures(self, **options) -> list[Pictures]:
        """The batch of a step; options of :func:`pictures_of`."""
        return pictures_of(self.cfg, self.batch_size, **options)

    def cost(self, **options) -> Cost:
        """What a step needs; options as of :meth:`pictures`."""
        return step_cost(self.cfg, self.pictures(**options), self.precision)


def fits(cost: Cost, gpu_memory: float) -> bool:
    """Whether a step runs on a GPU.

    Args:
        cost: What the step needs.
        gpu_memory: Memory of the GPU, in GiB.
    """
    return cost.peak / GIB * (1 + FRAGMENTS) + CONTEXT <= gpu_memory


def settings(
    cfg: Config, precision: str, batch_size: int
) -> Iterator[Setting]:
    """A configuration as it is, and then with more and more changes.

    First come mixed precision and recomputing, then smaller batches whose
    gradients are accumulated.

    Args:
        cfg: The configuration.
        precision: One of ``PRECISIONS``.
        batch_size: Pictures per step, to begin with.
    """
    mixed = 'fp16' if precision == 'fp32' else precision
    for choice in dict.fromkeys(
        [(precision, False), (mixed, False), (precision, True), (mixed, True)]
    ):
        yield Setting(cfg, choice[0], batch_size, choice[1])
    while batch_size > 1:
        batch_size = -(-batch_size // 2)
        yield Setting(cfg, precision, batch_size, False)
        yield Setting(cfg, mixed, batch_size, True)
