"""Batch norms computed within the convolutions before them, in testing.

With its running statistics a batch norm is a factor and an offset per channel,
which the convolution before it can have in its weights. The model keeps its
own weights: what is saved, loaded or trained is the same with and without.
"""

from __future__ import annotations

from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import winograd
from .errors import UserError
from .kept_values import KeepsValues, predicts


class FoldedConv2d(KeepsValues, nn.Conv2d):
    """A convolution that does the work of its norm, where that is allowed.

    Where it is not (training, gradients, a graph that is traced), it is the
    convolution that it was made of, and the norm does its own work.
    """

    # In a tuple, so that the norm is no part of this module.
    folded_norm: tuple[FoldedBatchNorm2d]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, Ho, Wo), normalised if allowed."""
        if not folds(self):
            return super().forward(x)
        if x.device.type == 'cpu':
            # The kernels for CPUs are faster with a pixel's channels together.
            x = x.contiguous(memory_format=torch.channels_last)
        dtype = computing_type(x)
        weight, bias = self.folded_weights(dtype)
        if dtype == torch.float32 and winograd.pays(self, x):
            out = winograd.convolve(x, self._filters(weight, x), bias)
        else:
            out = convolution(
                x,
                weight,
                bias,
                self.stride,
                self.padding,
                self.dilation,
                self.groups,
            )
        (out.normalised_by,) = self.folded_norm
        return out

    def folded_weights(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Weight (O, C / groups, kh, kw) and bias (O,) of a type."""
        (norm,) = self.folded_norm
        return self.kept(
            'folded',
            self._sources(),
            (dtype,),
            lambda: [tensor.to(dtype) for tensor in fold(self, norm)],
        )

    def _filters(self, weight: Tensor, x: Tensor) -> Tensor:
        """The folded weight for :func:`winograd.convolve`."""
        size = x.shape[2:]
        return self.kept(
            'filters',
            self._sources(),
            winograd.kind_of(*size),
            lambda: winograd.transform(weight, *size),
        )

    def _sources(self) -> list[Tensor | None]:
        """The tensors that the folded weights come from."""
        (norm,) = self.folded_norm
        sources = [self.weight, self.bias, norm.weight, norm.bias]
        sources += [norm.running_mean, norm.running_var]
        # A step of training tells of its statistics by this alone.
        return [*sources, norm.num_batches_tracked]


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """A norm whose work the convolution before it does, where allowed."""

    # In a tuple, so that the convolution is no part of this module.
    folded_conv: tuple[FoldedConv2d]
    folded_in: str

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) as it is, or normalised.

        Raises:
            UserError: This is not what the convolution gave.
        """
        (conv,) = self.folded_conv
        if not folds(conv):
            return super().forward(x)
        if getattr(x, 'normalised_by', None) is not self:
            raise UserError(
                f'a {self.folded_in} declares a batch norm of '
                f'{self.num_features} channels directly after a convolution, '
                'and calls it on something else: declare its layers in the '
                'order in which forward calls them'
            )
        return x


def folds(conv: FoldedConv2d) -> bool:
    """Whether a convolution does the work of its norm at this moment."""
    (norm,) = conv.folded_norm
    return predicts(conv) and not norm.training


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: str | tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """As ``F.conv2d``, of 1x1 on a CPU always by oneDNN.

    PyTorch leaves these to another library where it has one thread and one
    picture. That takes a fifth longer, and rounds otherwise than with several
    threads.
    """
    if (
        weight.shape[2:] == (1, 1)
        and isinstance(padding, tuple)
        and x.device.type == 'cpu'
        and x.dtype == weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and x.numel() > 0
    ):
        return torch.mkldnn_convolution(
            x, weight, bias, padding, stride, dilation, groups
        )
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def computing_type(x: Tensor) -> torch.dtype:
    """Type that a convolution of this input computes in."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


@torch.no_grad()
def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight (O, C / groups, kh, kw) and bias (O,) of a convolution that also
    normalises, in double precision: they are rounded once, when used."""
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * norm.weight.double()
    offset = -norm.running_mean.double()
    if conv.bias is not None:
        offset = offset + conv.bias.double()
    offset = offset * factor
    if norm.bias is not None:
        offset = offset + norm.bias.double()
    weight = conv.weight.double() * factor[:, None, None, None]
    if weight.device.type == 'cpu':
        weight = weight.contiguous(memory_format=torch.channels_last)
    return weight, offset


def fold_norms(model: nn.Module) -> int:
    """Fold every batch norm that directly follows a convolution.

    The order of a module's parts is taken for the order of its computation,
    as it is in the networks of MMDetection and of this project. A norm that
    gets anything but the output of its convolution says so. Layers that
    several modules share, as some heads share convolutions and not norms,
    stay as they are.

    Args:
        model: Changed in place. Its weights, their names, its training and
            its gradients stay as they are.

    Returns:
        int: how many norms were folded.
    """
    number = 0
    owners = Counter(
        part for module in model.modules() for part in module.children()
    )
    for module in model.modules():
        parts = list(module.children())
        for conv, norm in zip(parts, parts[1:]):
            if can_fold(conv, norm) and owners[conv] == owners[norm] == 1:
                conv.__class__ = FoldedConv2d
                norm.__class__ = FoldedBatchNorm2d
                conv.folded_norm, norm.folded_conv = (norm,), (conv,)
                norm.folded_in = type(module).__name__
                number += 1
    return number


def can_fold(conv: nn.Module, norm: nn.Module) -> bool:
    """Whether these are a plain convolution and a norm of its channels."""
    return (
        type(conv) is nn.Conv2d
        and type(norm) is nn.BatchNorm2d
        and norm.track_running_stats
        and conv.padding_mode == 'zeros'
        and conv.out_channels == norm.num_features
    )
