"""How feature maps lie in memory."""

import torch
from torch import Tensor


def channels_innermost(maps: Tensor) -> Tensor:
    """The same maps (B, C, H, W), on a CPU with the channels innermost.

    Convolutions keep this layout for what follows them. It makes them a tenth
    faster there, batch normalisation three times and max pooling ten times; on
    a GPU the layout is left to cuDNN.
    """
    if maps.is_cuda:
        return maps
    return maps.contiguous(memory_format=torch.channels_last)
