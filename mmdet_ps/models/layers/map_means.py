"""Means over what a feature map shows of images, their padding left out."""

import torch
from torch import Tensor


def mean_over_images(features: Tensor, shares: Tensor) -> Tensor:
    """Mean of a map over each image.

    Args:
        features (Tensor): maps of images that are padded at the right and at
            the bottom, (B, C, H, W) float.
        shares (Tensor): height and width of each image as a share of the
            padded size, (B, 2) in (0, 1].

    Returns:
        Tensor: (B, C), at least single precision.
    """
    size = shares.new_tensor(features.shape[-2:])
    return _mean_within(features, (shares * size).clamp(min=1))[:, :, 0, 0]


def subtract_spatial_mean(
    features: Tensor, stride: int, img_shapes: list | None = None
) -> Tensor:
    """A map without what all its locations share.

    Args:
        features (Tensor): (B, C, H, W) float.
        stride (int): pixels per location.
        img_shapes (list, optional): height and width of each image, pixels;
            locations beyond them, on padding, do not count in the mean. By
            default all locations count.

    Returns:
        Tensor: (B, C, H, W).
    """
    if img_shapes is None:
        return features - features.mean(dim=(2, 3), keepdim=True)
    sizes = torch.tensor([shape[:2] for shape in img_shapes])
    limits = (sizes.to(features.device) / stride).ceil()
    return features - _mean_within(features, limits).to(features)


def _mean_within(features: Tensor, limits: Tensor) -> Tensor:
    """Mean (B, C, 1, 1) of maps (B, C, H, W) over their rows and columns
    before some limits (B, 2)."""
    height, width = features.shape[-2:]
    rows = torch.arange(height, device=features.device)
    columns = torch.arange(width, device=features.device)
    inside = (rows < limits[:, :1])[:, None, :, None] & (
        columns < limits[:, 1:]
    )[:, None, None, :]
    # The sum over a map overflows in half precision.
    total = (features * inside).sum(
        dim=(2, 3),
        keepdim=True,
        dtype=torch.promote_types(features.dtype, torch.float32),
    )
    return total / inside.sum(dim=(2, 3), keepdim=True)
