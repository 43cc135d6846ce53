"""A training that would end without a single step does not begin."""

from __future__ import annotations

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdet_ps.utils.errors import UserError


@HOOKS.register_module()
class EnoughDataHook(Hook):
    """Refuse a training set that does not fill one batch.

    Loaders that drop an incomplete last batch then have no batch at all: the
    epochs pass without a step, and the untrained model is saved as if it had
    been trained. Loops of iterations have samplers that do not end.
    """

    def before_train(self, runner: Runner) -> None:
        """Count the batches of an epoch.

        Raises:
            UserError: There are none.
        """
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        loader = runner.train_dataloader
        if len(loader) == 0:
            size = loader.batch_size or getattr(
                loader.batch_sampler, 'batch_size', 'several'
            )
            raise UserError(
                f'the training set has {len(loader.dataset)} images, and a '
                f'batch takes {size} on each of {runner.world_size} '
                'processes: there would be no step. Lower '
                'train_dataloader.batch_size, or add images'
            )
