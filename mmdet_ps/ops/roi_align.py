"""RoIAlign for ``mmcv.ops.roi_align``, by torchvision's kernels."""

import torch
from torch import Tensor

from . import roi_align_windows
from .precision import at_least_float32
from .stand_in import MissingOperatorError

MAXIMUM = 0


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write the features under each region to ``output``.

    RoIAlign of He et al. (arXiv 1703.06870, section 3) with average pooling.

    Args:
        features (Tensor): (N, C, H, W).
        rois (Tensor): Index of the image and corners, (R, 5), pixels of the
            image.
        output (Tensor): (R, C, aligned_height, aligned_width).
        argmax_y, argmax_x: Used by maximum pooling alone, which is not here.
        spatial_scale: Pixels of the features per pixel of the image.
        sampling_ratio: Points per bin and side; 0 takes as many as it has
            pixels.
        pool_mode: 1, the average.
        aligned: Whether pixel centres lie at half numbers.

    Raises:
        MissingOperatorError: ``pool_mode`` is the maximum.
    """
    _check_average(pool_mode)
    if not output.numel():
        return
    features = at_least_float32(features.detach())
    result = torch.ops.torchvision.roi_align(
        features,
        rois.detach().to(features.dtype),
        spatial_scale,
        aligned_height,
        aligned_width,
        sampling_ratio,
        aligned,
    )
    output.copy_(result)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of the features (N, C, H, W) to ``grad_input``."""
    _check_average(pool_mode)
    if not grad_output.numel():
        return
    grad_output = at_least_float32(grad_output)
    rois = rois.to(grad_output.dtype)
    if not grad_output.is_cuda:
        grad_rows = torch.zeros_like(
            grad_input.permute(0, 2, 3, 1),
            dtype=grad_output.dtype,
            memory_format=torch.contiguous_format,
        )
        roi_align_windows.add_gradient(
            grad_rows,
            grad_output.permute(0, 2, 3, 1).contiguous(),
            rois,
            spatial_scale,
            sampling_ratio,
            aligned,
        )
        grad_input += grad_rows.permute(0, 3, 1, 2).to(grad_input.dtype)
        return
    grad_input += torch.ops.torchvision._roi_align_backward(
        grad_output,
        rois,
        spatial_scale,
        aligned_height,
        aligned_width,
        *grad_input.shape,
        sampling_ratio,
        aligned,
    ).to(grad_input.dtype)


def _check_average(pool_mode: int) -> None:
    if pool_mode == MAXIMUM:
        raise MissingOperatorError(
            "RoIAlign with pool_mode='max' is not supplied by mmdet_ps.ops; "
            "use pool_mode='avg' or install an mmcv compiled with its "
            'operators'
        )
