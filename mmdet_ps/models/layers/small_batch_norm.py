"""Batch norm that accepts any number of rows."""

import torch.nn.functional as F
from torch import Tensor, nn


class SmallBatchNorm1d(nn.BatchNorm1d):
    """``BatchNorm1d``, with the running statistics for fewer than two rows.

    One row has no variance, and a batch of images may well hold a single
    person or none.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C)."""
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
