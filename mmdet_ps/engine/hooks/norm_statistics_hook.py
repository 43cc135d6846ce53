"""Several processes test with the same statistics of batch norms."""

from __future__ import annotations

from mmdet.registry import HOOKS
from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm


@HOOKS.register_module()
class NormStatisticsHook(Hook):
    """Average the running statistics of learning batch norms over processes.

    Each process gathers those of its own images. Without this hook each one
    validates with its own, and a checkpoint holds those of the first one.
    mmengine's ``SyncBuffersHook`` averages every buffer instead, identity
    memories included, and not before a checkpoint between two validations.
    """

    # After EMAHook, which exchanges what is validated.
    priority = 'BELOW_NORMAL'

    def before_val_epoch(self, runner: Runner) -> None:
        """Average before validating."""
        self.average(runner)

    def gather_before_save(self, runner: Runner) -> None:
        """Average before saving; ``WholeCheckpointHook`` calls it."""
        self.average(runner)

    def average(self, runner: Runner) -> None:
        """Average over all processes; every process must call it."""
        all_reduce_params(
            [
                statistic
                for module in runner.model.modules()
                if isinstance(module, _BatchNorm)
                and module.track_running_stats
                and module.training
                for statistic in (module.running_mean, module.running_var)
            ],
            op='mean',
        )
