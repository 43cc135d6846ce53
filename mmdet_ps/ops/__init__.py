"""The operators MMDetection needs, where mmcv comes without compiled ones.

Importing this package puts them in place, unless mmcv has its own.
"""

from . import focal_loss, mmcv_deform_conv, nms, roi_align
from .deform_conv import deform_conv2d
from .stand_in import MissingOperatorError, compiled_operators, put_in_place

# Written for ``mmcv._ext``; the deformable convolutions are put in place
# above it, see mmcv_deform_conv.
OPERATORS = {
    function.__name__: function
    for function in (
        nms.nms,
        nms.softnms,
        nms.nms_match,
        roi_align.roi_align_forward,
        roi_align.roi_align_backward,
        focal_loss.sigmoid_focal_loss_forward,
        focal_loss.sigmoid_focal_loss_backward,
    )
}
# The functions of ``mmcv.ops`` that this makes usable, and who computes them.
SOURCES = {
    'nms': 'torchvision',
    'soft_nms': 'mmdet_ps.ops',
    'nms_match': 'mmdet_ps.ops',
    'roi_align': 'torchvision',
    'deform_conv2d': 'mmdet_ps.ops on CPU, torchvision on GPU',
    'modulated_deform_conv2d': 'mmdet_ps.ops on CPU, torchvision on GPU',
    'sigmoid_focal_loss': 'mmdet_ps.ops',
}


def install() -> bool:
    """Supply what mmcv lacks; False if mmcv has compiled operators."""
    if compiled_operators() is not None:
        return False
    import torchvision  # noqa: F401  registers torch.ops.torchvision

    put_in_place(OPERATORS)
    mmcv_deform_conv.bind()
    return True


INSTALLED = install()

__all__ = [
    'INSTALLED',
    'MissingOperatorError',
    'OPERATORS',
    'SOURCES',
    'deform_conv2d',
    'install',
]
