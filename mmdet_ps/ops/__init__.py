"""The operators MMDetection needs, where mmcv comes without compiled ones.

``mmdet_ps.on_import`` puts them in place when ``mmcv.ops`` is imported.
"""

import contextlib
from collections.abc import Iterator

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


@contextlib.contextmanager
def standing_in() -> Iterator[None]:
    """Around the import of ``mmcv.ops``: supply what mmcv lacks.

    Nothing happens where mmcv has compiled operators.
    """
    if compiled_operators() is not None:
        yield
        return
    import torchvision  # noqa: F401  registers torch.ops.torchvision

    put_in_place(OPERATORS)
    yield
    mmcv_deform_conv.bind()


__all__ = [
    'MissingOperatorError',
    'OPERATORS',
    'SOURCES',
    'compiled_operators',
    'deform_conv2d',
    'standing_in',
]
