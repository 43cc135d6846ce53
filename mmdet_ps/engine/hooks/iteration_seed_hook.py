"""Makes a resumed training draw the numbers an unbroken one draws."""

import random

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

DATA, MODEL = 0, 1


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds augmentation and model anew in every iteration.

    The seed depends on the run's seed, the rank and the iteration, nothing
    else, hence not on how often the training was interrupted. Augmentation
    in loader processes (``num_workers > 0``) is out of its reach: there the
    samples come in the same order and their augmentation differs.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Seed the loading of the first batch."""
        seed_all(runner.seed or 0, get_rank(), runner.iter, DATA)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict = None
    ) -> None:
        """Seed the model's own draws of this iteration."""
        seed_all(runner.seed or 0, get_rank(), runner.iter, MODEL)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict = None,
        outputs: dict = None,
    ) -> None:
        """Seed the loading of the next batch."""
        seed_all(runner.seed or 0, get_rank(), runner.iter + 1, DATA)

    def after_val(self, runner: Runner) -> None:
        """Seed the loading of the next batch, whatever validation drew."""
        seed_all(runner.seed or 0, get_rank(), runner.iter, DATA)


def seed_all(*numbers: int) -> None:
    """Seed Python, numpy and torch by a hash of the numbers."""
    sequence = np.random.SeedSequence([int(n) for n in numbers])
    seed = int(sequence.generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
