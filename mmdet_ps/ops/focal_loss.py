"""Sigmoid focal loss for ``mmcv.ops.sigmoid_focal_loss``.

A target equal to the number of classes (or negative) is background: it is the
negative of every class.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import at_least_float32


def sigmoid_focal_loss_forward(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Write the loss (N, C) of logits (N, C), target (N,) to ``output``.

    ``weight`` is (C,) and multiplies rows by their target's class, or empty.
    """
    probability, log_right, is_target = _terms(logits, target)
    wrong = torch.where(is_target, 1 - probability, probability)
    loss = -_balance(is_target, alpha, probability) * wrong**gamma * log_right
    output.copy_(loss * _row_weights(target, weight))


def sigmoid_focal_loss_backward(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    *,
    gamma: float,
    alpha: float,
) -> None:
    """Write the derivative (N, C) of the loss by its logit to
    ``grad_input``."""
    probability, log_right, is_target = _terms(logits, target)
    wrong = torch.where(is_target, 1 - probability, probability)
    slope = wrong**gamma * (gamma * (1 - wrong) * log_right - wrong)
    # The probability of being right falls with the logit of a negative.
    slope = torch.where(is_target, slope, -slope)
    slope = slope * _balance(is_target, alpha, probability)
    grad_input.copy_(slope * _row_weights(target, weight))


def _terms(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Probability, log probability of being right, and where target is."""
    logits = at_least_float32(logits.detach())
    classes = torch.arange(logits.size(1), device=logits.device)
    is_target = target[:, None] == classes
    log_right = F.logsigmoid(torch.where(is_target, logits, -logits))
    return logits.sigmoid(), log_right, is_target


def _balance(is_target: Tensor, alpha: float, like: Tensor) -> Tensor:
    return torch.where(is_target, alpha, 1 - alpha).to(like.dtype)


def _row_weights(target: Tensor, weight: Tensor) -> Tensor:
    """Weight (N, 1) of each row; background counts fully."""
    if not weight.numel():
        return torch.ones((), device=target.device)
    known = (target >= 0) & (target < weight.numel())
    rows = weight[target.clamp(0, weight.numel() - 1)]
    return torch.where(known, rows, torch.ones_like(rows))[:, None]
