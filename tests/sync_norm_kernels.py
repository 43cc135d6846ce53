"""What ``torch.nn.SyncBatchNorm`` calls on a GPU, as formulas for a CPU.

The norm and its exchange between processes are PyTorch's own; only the five
kernels that it has for GPUs alone are stood in for. With

    y = weight * (x - mean) * invstd + bias,  invstd = 1 / sqrt(var + eps)

over the n values of a channel, the gradient of x is

    invstd * weight * (dy - sum(dy) / n
                       - (x - mean) * invstd^2 * sum(dy * (x - mean)) / n).
"""

from contextlib import contextmanager
from unittest import mock

import torch
from torch.nn import SyncBatchNorm
from torch.nn.parallel import DistributedDataParallel


def _over(x):
    """All dimensions but that of the channels."""
    return [d for d in range(x.dim()) if d != 1]


def _as(values, x):
    """Values (C,) in the form of a map."""
    return values.view(1, -1, *[1] * (x.dim() - 2))


def batch_norm_stats(x, eps):
    """Mean and invstd (C,) of a map of this process."""
    variance, mean = torch.var_mean(x, _over(x), correction=0)
    return mean, (variance + eps).rsqrt()


def batch_norm_gather_stats_with_counts(
    x, means, invstds, running_mean, running_var, momentum, eps, counts
):
    """Those (C,) of all processes, from each one's (R, C)."""
    total, counts = counts.sum(), counts[:, None]
    variances = invstds**-2 - eps
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean) ** 2)).sum(0) / total
    if running_mean is not None:
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance * total / (total - 1), momentum)
    return mean, (variance + eps).rsqrt()


def batch_norm_elemt(x, weight, bias, mean, invstd, eps):
    """The normalised map."""
    return (x - _as(mean, x)) * _as(invstd * weight, x) + _as(bias, x)


def batch_norm_backward_reduce(
    gradient, x, mean, invstd, weight, *needed
):  # fmt: skip
    """Sums of this process, and its gradients of weight and bias."""
    total = gradient.sum(_over(x))
    product = (gradient * (x - _as(mean, x))).sum(_over(x))
    return total, product, product * invstd, total


def batch_norm_backward_elemt(
    gradient, x, mean, invstd, weight, total, product, counts
):
    """The gradient of the map, from the sums of all processes."""
    number = counts.sum()
    centred = (x - _as(mean, x)) * _as(invstd**2 * product / number, x)
    rest = gradient - _as(total / number, x) - centred
    return rest * _as(invstd * weight, x)


KERNELS = (
    batch_norm_stats,
    batch_norm_gather_stats_with_counts,
    batch_norm_elemt,
    batch_norm_backward_reduce,
    batch_norm_backward_elemt,
)


@contextmanager
def sync_norms_on_cpu():
    """Let PyTorch's norms over all processes compute on a CPU."""
    changed = {kernel.__name__: kernel for kernel in KERNELS}
    forward = SyncBatchNorm.forward

    def forward_on_cpu(norm, x):
        # The name of one more kind of device that it accepts.
        with mock.patch.object(
            torch._C, '_get_privateuse1_backend_name', lambda: 'cpu'
        ):
            return forward(norm, x)

    with (
        mock.patch.multiple(torch, **changed),
        mock.patch.object(SyncBatchNorm, 'forward', forward_on_cpu),
        # It only asks where these norms are.
        mock.patch.object(
            DistributedDataParallel,
            '_passing_sync_batchnorm_handle',
            lambda self, module: None,
        ),
    ):
        yield
