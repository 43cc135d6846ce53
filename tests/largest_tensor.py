"""How large the tensors are that some code makes."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LargestTensor(TorchDispatchMode):
    """Use as a context manager, around a backward pass as well.

    Attributes:
        number: Elements of the largest tensor that an operator returned,
            views and what it was given left out.
    """

    number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        given = {_storage(value) for value in tree_leaves((args, kwargs))}
        for value in tree_leaves(made):
            if isinstance(value, Tensor) and _storage(value) not in given:
                self.number = max(self.number, value.numel())
        return made


def _storage(value: object) -> int | None:
    if isinstance(value, torch.Tensor):
        return value.untyped_storage()._cdata
    return None
