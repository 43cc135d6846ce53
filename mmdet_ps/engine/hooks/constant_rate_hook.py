"""Keeps the learning rate of chosen parameters while the rest decays."""

from __future__ import annotations

from collections.abc import Iterator

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer


@HOOKS.register_module()
class ConstantRateHook(Hook):
    """Undo the schedule for parameter groups that ask for it.

    The predictor of the two-view term may keep its rate: "it is not
    necessary to force the predictor to converge before the representations
    are sufficiently trained" (Chen and He, CVPR 2021, section 4.2). Mark
    parameters by a part of their name::

        optim_wrapper = dict(paramwise_cfg=dict(custom_keys={
            'predictor': dict(constant_lr=True)}))
        custom_hooks = [dict(type='ConstantRateHook')]
    """

    priority = 'VERY_LOW'  # after the schedulers of the last iteration

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict = None
    ) -> None:
        """Set the initial rate of the marked groups."""
        for optimizer in _optimizers(runner):
            for group in optimizer.param_groups:
                if group.get('constant_lr', False):
                    group['lr'] = group.get('initial_lr', group['lr'])


def _optimizers(runner: Runner) -> Iterator[Optimizer]:
    """The optimiser of a run, or those of its parts."""
    wrapper = runner.optim_wrapper
    parts = wrapper.values() if hasattr(wrapper, 'values') else [wrapper]
    for part in parts:
        yield part.optimizer
