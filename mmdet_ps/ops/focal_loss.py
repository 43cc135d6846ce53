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
    """Write the focal loss to ``output``.

    Equation 5 of Lin et al. (arXiv 1708.02002), each class by itself.

    Args:
        logits (Tensor): (N, C).
        target (Tensor): Class of each row, (N,) int64.
        weight (Tensor): Factor on rows by their target's class, (C,), or
            empty.
        output (Tensor): (N, C).
        gamma: How much well classified rows are weighed down.
        alpha: Weight of the positives; negatives have ``1 - alpha``.
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
    """Write the derivative of the loss by its logit to ``grad_input`` (N, C).

    Arguments are those of ``sigmoid_focal_loss_forward``.
    """
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
