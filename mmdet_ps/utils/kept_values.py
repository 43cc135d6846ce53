"""Values made from a layer's tensors, for prediction alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class KeepsValues(nn.Module):
    """A layer that keeps values made from its tensors while they last.

    The values are in no state dict, and in no copy of the layer.
    """

    def kept(
        self,
        name: str,
        sources: Sequence[Tensor | None],
        options: tuple,
        make: Callable[[], Any],
    ) -> Any:
        """A value, made anew whenever what it comes from has changed.

        Args:
            name: Of the value; one of each name is kept.
            sources: The tensors that it is made from.
            options: What else decides on it.
            make: Makes it.
        """
        state = *options, *map(state_of, sources)
        values = self.__dict__.setdefault('_kept', {})
        if name not in values or values[name][0] != state:
            values[name] = state, make()
        return values[name][1]

    def __getstate__(self) -> dict:
        return {k: v for k, v in self.__dict__.items() if k != '_kept'}


def state_of(tensor: Tensor | None) -> tuple | None:
    """What changes with the numbers in a tensor, or where they are."""
    if tensor is None:
        return None
    # What was made in inference mode cannot be changed out of it.
    version = 0 if tensor.is_inference() else tensor._version
    return tensor.data_ptr(), version, tensor.dtype, tensor.device


def predicts(layer: nn.Module) -> bool:
    """Whether a layer is neither trained nor traced at this moment."""
    return not (
        layer.training
        or torch.is_grad_enabled()
        or torch.jit.is_tracing()
        or torch.compiler.is_compiling()
    )
