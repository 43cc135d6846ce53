"""Batch norm that accepts any number of rows, in any number of processes."""

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from mmdet_ps.utils.standing_in import stands_in


class SmallBatchNorm1d(nn.BatchNorm1d):
    """``BatchNorm1d`` over the rows of all processes, however few.

    A process may have no row at all, where its images show nobody; what a
    row becomes must not depend on which process has it. With fewer than two
    rows altogether, which have no variance, the running statistics are used.

    Args:
        num_features (int): Length of a row.
        jointly (bool): Switch off where every process has all rows already.
        **kwargs: Further options of ``BatchNorm1d``.
    """

    def __init__(
        self, num_features: int, jointly: bool = True, **kwargs
    ) -> None:
        super().__init__(num_features, **kwargs)
        self.jointly = jointly

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C)."""
        if self.training and self.jointly and get_world_size() > 1:
            return self._normalise_jointly(x)
        # With the running statistics, which stay as they are.
        if self.training and len(x) < 2:
            return F.batch_norm(
                x,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                eps=self.eps,
            )
        return super().forward(x)

    def _normalise_jointly(self, x: Tensor) -> Tensor:
        rows = x.float()
        counted = rows[:0] if stands_in() else rows
        sums = [counted.new_tensor([len(counted)]), counted.sum(dim=0)]
        sums = all_reduce(torch.cat(sums))
        count = sums[0].detach()
        mean = sums[1:] / count.clamp(min=1)
        variance = all_reduce((counted - mean).square().sum(dim=0))
        variance = variance / count.clamp(min=1)
        enough = count >= 2
        mean = torch.where(enough, mean, self.running_mean)
        variance = torch.where(enough, variance, self.running_var)
        self._note(mean, variance, count, enough)
        rows = (rows - mean) / (variance + self.eps).sqrt()
        if self.affine:
            rows = rows * self.weight
            rows = rows if self.bias is None else rows + self.bias
        return rows.to(x.dtype)

    @torch.no_grad()
    def _note(
        self, mean: Tensor, variance: Tensor, count: Tensor, enough: Tensor
    ) -> None:
        """Take the statistics of a batch into the running ones."""
        unbiased = variance * (count / (count - 1).clamp(min=1))
        unbiased = torch.where(enough, unbiased, variance)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)
        self.num_batches_tracked += enough
