"""Products with a table that moves on before their gradient is taken.

Autograd would have to keep a copy of the table as it was, a gigabyte for a
million identities. A step moves few rows of it, though: what these were is
all that has to be kept.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class TableReads:
    """The products with a table whose gradient is still to be taken."""

    def __init__(self) -> None:
        # Weak: a graph that is dropped without a backward pass ends them.
        self._open: WeakSet[Movements] = WeakSet()

    def __reduce__(self) -> tuple:
        """A copy, or one out of a file, starts anew: weak references cannot
        be written, and those of a copy would never be cleared away."""
        return type(self), ()

    def products(
        self, embeddings: Tensor, table: Tensor, normalize: bool
    ) -> Tensor:
        """Scalar products of embeddings with the rows of a table.

        Args:
            embeddings (Tensor): (N, D) float32.
            table (Tensor): (L, D) float; no gradient reaches it.
            normalize (bool): divide by the lengths of the rows.

        Returns:
            Tensor: (N, L) float32.
        """
        movements = Movements()
        rows = table.float()
        if rows is table:
            self._open.add(movements)
        scale = None
        if normalize:
            # A row of zeros stays one, whatever it will have become by the
            # time of the gradient.
            length = rows.norm(dim=1)
            scale = torch.where(length > 1e-12, 1 / length, 0)
        return _TableProducts.apply(embeddings, rows, scale, movements)

    def note(self, index: Tensor, before: Tensor, after: Tensor) -> None:
        """Say that rows of the table move.

        Args:
            index (Tensor): which, (U,) int64, all different.
            before, after (Tensor): what they are and will be, (U, D).
        """
        for movements in self._open:
            movements.rows.append((index, before - after))


class Movements:
    """What was taken from rows of a table since a product with it."""

    def __init__(self) -> None:
        self.rows: list[tuple[Tensor, Tensor]] = []  # index, difference


class _TableProducts(Function):
    """See :meth:`TableReads.products`."""

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        rows: Tensor,
        scale: Tensor | None,
        movements: Movements,
    ) -> Tensor:
        # Not by save_for_backward, which refuses what has changed since.
        ctx.rows, ctx.scale, ctx.movements = rows, scale, movements
        products = embeddings @ rows.t()
        return products if scale is None else products.mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None, None]:
        if ctx.scale is not None:
            gradient = gradient * ctx.scale
        with torch.autocast(gradient.device.type, enabled=False):
            result = gradient @ ctx.rows
            for index, difference in ctx.movements.rows:
                result.addmm_(gradient[:, index], difference)
        return result, None, None, None
