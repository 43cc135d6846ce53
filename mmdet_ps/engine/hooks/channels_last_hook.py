"""Keeps the channels of a pixel together in memory."""

from __future__ import annotations

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Train and test with weights, hence maps, in the layout NHWC.

    Tensor cores of GPUs compute convolutions in this layout; others have to
    be brought into it first. What is computed stays the same but for
    rounding, and so do checkpoints.
    """

    def before_run(self, runner: Runner) -> None:
        """Change the layout of the weights, which the maps follow."""
        runner.model.to(memory_format=torch.channels_last)
