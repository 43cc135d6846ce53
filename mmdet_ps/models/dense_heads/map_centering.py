"""Subtracting from a feature map what all its locations share."""

import torch
from torch import Tensor


def subtract_spatial_mean(
    features: Tensor, stride: int, img_shapes: list | None = None
) -> Tensor:
    """(B, C, H, W) features minus their mean over each map.

    Args:
        stride (int): Pixels per location.
        img_shapes (list, optional): Height and width of each image in pixels:
            locations beyond them, on padding, do not count in the mean.
    """
    if img_shapes is None:
        return features - features.mean(dim=(2, 3), keepdim=True)
    sizes = torch.tensor([shape[:2] for shape in img_shapes])
    sizes = (sizes.to(features.device) / stride).ceil()
    rows = torch.arange(features.size(2), device=features.device)
    columns = torch.arange(features.size(3), device=features.device)
    inside = (rows < sizes[:, :1])[:, None, :, None] & (
        columns < sizes[:, 1:]
    )[:, None, None, :]
    total = (features * inside).sum(dim=(2, 3), keepdim=True)
    return features - total / inside.sum(dim=(2, 3), keepdim=True)
