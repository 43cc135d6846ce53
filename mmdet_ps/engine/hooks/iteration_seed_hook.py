"""Makes a resumed training draw the numbers an unbroken one draws."""

import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdet_ps.engine.numbered_batches import DATA, MODEL
from mmdet_ps.utils.randomness import seed_all


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds augmentation and model anew in every iteration.

    The seed depends on the run's seed, the rank and the iteration, nothing
    else, hence not on how often the training was interrupted.
    ``ExactResumeHook`` seeds loader processes alike, so that their number
    does not matter either.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Seed the loading of the first batch."""
        # Iterating draws a number, before the first batch is loaded.
        runner.train_dataloader.generator = torch.Generator()
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
