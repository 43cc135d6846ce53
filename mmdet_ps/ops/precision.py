"""The number type operators compute in."""

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """``tensor`` itself or, if it is of lower precision, as float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
