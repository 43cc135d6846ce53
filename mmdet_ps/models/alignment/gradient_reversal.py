"""Identity forwards, minus the gradient backwards, and its schedule.

Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation" (ICML
2015). This module does not know what the features are.
"""

import math
from typing import Any

import torch
from mmengine.logging import MessageHub
from torch import Tensor


class _ReverseGradient(torch.autograd.Function):
    """R(x) = x with dR/dx = -weight * I, equations 7 and 8 of the paper."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None


def reverse_gradient(features: Tensor, weight: float = 1.0) -> Tensor:
    """The features unchanged; their gradient times ``-weight``."""
    return _ReverseGradient.apply(features, weight)


def reversal_ramp(progress: float, steepness: float = 10.0) -> float:
    """The share of its final weight that the reversed gradient has.

    It is 2 / (1 + exp(-steepness * progress)) - 1, from 0 to almost 1, the
    schedule of the paper's experiments: at first the classifier has learnt
    nothing, and what it says of the features is noise.

    Args:
        progress (float): share of the training that is done, in [0, 1].
        steepness (float): 10 in the paper; 0 switches the ramp off (always 1).
    """
    if steepness == 0:
        return 1.0
    return 2.0 / (1.0 + math.exp(-steepness * progress)) - 1.0


def training_progress() -> float:
    """Share of the running training that is done, 1 outside of training.

    The runner publishes its iteration counters in the message hub, which is
    also what a resumed training restores.
    """
    hub = MessageHub.get_current_instance()
    if 'max_iters' not in hub.runtime_info:
        return 1.0
    return hub.get_info('iter', 0) / max(1, hub.get_info('max_iters'))
