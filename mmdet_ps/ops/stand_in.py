"""A stand-in for ``mmcv._ext`` where mmcv comes without compiled operators.

It knows nothing of autograd: like the compiled module it fills tensors that
``mmcv.ops`` has allocated.
"""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch
from torch import Tensor

MODULE_NAME = 'mmcv._ext'


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int
) -> Tensor:
    """Indices kept of (N, 4) boxes, best score first."""
    boxes = boxes.detach().float().clone()
    boxes[:, 2:] += offset
    return torch.ops.torchvision.nms(
        boxes, scores.detach().float(), iou_threshold
    )


def roi_align_forward(
    features,
    rois,
    output,
    argmax_y,
    argmax_x,
    *,
    aligned_height,
    aligned_width,
    spatial_scale,
    sampling_ratio,
    pool_mode,
    aligned,
) -> None:
    """Write the (R, C, h, w) RoI features of (N, C, H, W) to ``output``."""
    _check_average(pool_mode)
    output.copy_(
        torch.ops.torchvision.roi_align(
            features.detach(),
            rois.detach(),
            spatial_scale,
            aligned_height,
            aligned_width,
            sampling_ratio,
            aligned,
        )
    )


def roi_align_backward(
    grad_output,
    rois,
    argmax_y,
    argmax_x,
    grad_input,
    *,
    aligned_height,
    aligned_width,
    spatial_scale,
    sampling_ratio,
    pool_mode,
    aligned,
) -> None:
    """Add the gradient of the (N, C, H, W) features to ``grad_input``."""
    _check_average(pool_mode)
    grad_input += torch.ops.torchvision._roi_align_backward(
        grad_output,
        rois,
        spatial_scale,
        aligned_height,
        aligned_width,
        *grad_input.shape,
        sampling_ratio,
        aligned,
    )


def _check_average(pool_mode: int) -> None:
    if pool_mode == 0:
        raise NotImplementedError(
            "RoIAlign with pool_mode='max' needs an mmcv with compiled "
            "operators; use pool_mode='avg' or compile mmcv"
        )


def _focal_terms(logits, target, gamma, alpha):
    positive = target[:, None] == torch.arange(
        logits.size(1), device=logits.device
    )
    log_p = torch.nn.functional.logsigmoid(logits)
    log_n = torch.nn.functional.logsigmoid(-logits)
    p = logits.sigmoid()
    return positive, p, log_p, log_n


def sigmoid_focal_loss_forward(
    logits, target, weight, output, *, gamma, alpha
) -> None:
    """Write the (N, C) focal loss of (N, C) logits to ``output``."""
    positive, p, log_p, log_n = _focal_terms(logits, target, gamma, alpha)
    output.copy_(
        torch.where(
            positive,
            -alpha * (1 - p) ** gamma * log_p,
            -(1 - alpha) * p**gamma * log_n,
        )
    )
    if weight.numel():
        output *= weight[target.clamp(max=weight.numel() - 1)][:, None]


def sigmoid_focal_loss_backward(
    logits, target, weight, grad_input, *, gamma, alpha
) -> None:
    """Write the (N, C) derivative of the focal loss to ``grad_input``."""
    positive, p, log_p, log_n = _focal_terms(logits, target, gamma, alpha)
    grad_p = (1 - p) ** gamma * (1 - p - gamma * p * log_p)
    grad_n = p**gamma * (gamma * (1 - p) * log_n - p)
    grad_input.copy_(
        torch.where(positive, -alpha * grad_p, -(1 - alpha) * grad_n)
    )
    if weight.numel():
        grad_input *= weight[target.clamp(max=weight.numel() - 1)][:, None]


def deform_conv_forward(
    features,
    weight,
    offset,
    output,
    columns,
    ones,
    *,
    kW,
    kH,
    dW,
    dH,
    padW,
    padH,
    dilationW,
    dilationH,
    group,
    deformable_group,
    im2col_step,
) -> None:
    """Write the deformable convolution (v1) to ``output``."""
    output.copy_(
        torch.ops.torchvision.deform_conv2d(
            features.detach(),
            weight.detach(),
            offset.detach(),
            offset.new_zeros(offset.size(0), 1),
            offset.new_zeros(weight.size(0)),
            dH,
            dW,
            padH,
            padW,
            dilationH,
            dilationW,
            group,
            deformable_group,
            False,
        )
    )


def deform_conv_backward_input(
    features,
    offset,
    grad_output,
    grad_input,
    grad_offset,
    weight,
    columns,
    *,
    kW,
    kH,
    dW,
    dH,
    padW,
    padH,
    dilationW,
    dilationH,
    group,
    deformable_group,
    im2col_step,
) -> None:
    """Write the gradients of features and offset."""
    grads = torch.ops.torchvision._deform_conv2d_backward(
        grad_output,
        features,
        weight,
        offset,
        offset.new_zeros(offset.size(0), 1),
        offset.new_zeros(weight.size(0)),
        dH,
        dW,
        padH,
        padW,
        dilationH,
        dilationW,
        group,
        deformable_group,
        False,
    )
    grad_input.copy_(grads[0])
    grad_offset.copy_(grads[2])


def deform_conv_backward_parameters(
    features,
    offset,
    grad_output,
    grad_weight,
    columns,
    ones,
    *,
    kW,
    kH,
    dW,
    dH,
    padW,
    padH,
    dilationW,
    dilationH,
    group,
    deformable_group,
    scale,
    im2col_step,
) -> None:
    """Write the gradient of the weight."""
    grads = torch.ops.torchvision._deform_conv2d_backward(
        grad_output,
        features,
        grad_weight,
        offset,
        offset.new_zeros(offset.size(0), 1),
        offset.new_zeros(grad_weight.size(0)),
        dH,
        dW,
        padH,
        padW,
        dilationH,
        dilationW,
        group,
        deformable_group,
        False,
    )
    grad_weight.copy_(grads[1])


def modulated_deform_conv_forward(
    features,
    weight,
    bias,
    ones,
    offset,
    mask,
    output,
    columns,
    *,
    kernel_h,
    kernel_w,
    stride_h,
    stride_w,
    pad_h,
    pad_w,
    dilation_h,
    dilation_w,
    group,
    deformable_group,
    with_bias,
) -> None:
    """Write the deformable convolution (v2) to ``output``."""
    if not with_bias:
        bias = features.new_zeros(weight.size(0))
    output.copy_(
        torch.ops.torchvision.deform_conv2d(
            features.detach(),
            weight.detach(),
            offset.detach(),
            mask.detach(),
            bias.detach(),
            stride_h,
            stride_w,
            pad_h,
            pad_w,
            dilation_h,
            dilation_w,
            group,
            deformable_group,
            True,
        )
    )


def modulated_deform_conv_backward(
    features,
    weight,
    bias,
    ones,
    offset,
    mask,
    columns,
    grad_input,
    grad_weight,
    grad_bias,
    grad_offset,
    grad_mask,
    grad_output,
    *,
    kernel_h,
    kernel_w,
    stride_h,
    stride_w,
    pad_h,
    pad_w,
    dilation_h,
    dilation_w,
    group,
    deformable_group,
    with_bias,
) -> None:
    """Write the gradients of every input."""
    if not with_bias:
        bias = features.new_zeros(weight.size(0))
    grads = torch.ops.torchvision._deform_conv2d_backward(
        grad_output,
        features,
        weight,
        offset,
        mask,
        bias,
        stride_h,
        stride_w,
        pad_h,
        pad_w,
        dilation_h,
        dilation_w,
        group,
        deformable_group,
        True,
    )
    outputs = (grad_input, grad_weight, grad_offset, grad_mask)
    for target, grad in zip(outputs, grads):
        target.copy_(grad)
    if with_bias:
        grad_bias.copy_(grads[4])


SUPPLIED = (
    nms,
    roi_align_forward,
    roi_align_backward,
    sigmoid_focal_loss_forward,
    sigmoid_focal_loss_backward,
    deform_conv_forward,
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    modulated_deform_conv_forward,
    modulated_deform_conv_backward,
)


def _missing(name: str) -> Callable:

    def raise_missing(*args, **kwargs):
        raise NotImplementedError(
            f"mmcv.ops needs the compiled operator '{name}', which neither "
            'this mmcv nor mmdet_ps.ops has: install an mmcv built with '
            'operators (MMCV_WITH_OPS=1 pip install --no-binary :all: '
            '--no-build-isolation onedl-mmcv, with a compiler)'
        )

    raise_missing.__name__ = name
    return raise_missing


class StandInModule(ModuleType):
    """``mmcv._ext``: what is not supplied raises when it is called."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)
        return _missing(name)


def install() -> bool:
    """Put the stand-in in place; False if mmcv has compiled operators."""
    try:
        import mmcv._ext  # noqa: F401

        return False
    except ImportError:
        pass
    import mmcv
    import torchvision  # noqa: F401

    module = StandInModule(MODULE_NAME, __doc__)
    module.__spec__ = ModuleSpec(MODULE_NAME, None)
    for function in SUPPLIED:
        setattr(module, function.__name__, function)
    sys.modules[MODULE_NAME] = module
    mmcv._ext = module
    return True
