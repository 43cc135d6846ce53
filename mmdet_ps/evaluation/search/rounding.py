"""How published scripts turn fractional xywh boxes into corners.

Example, ``-1.7030 295.5756 74.6436 338.2289`` of PRW:

============  =======================  =====================
rule          gallery                  query
============  =======================  =====================
seqnet        0 295 74 633             0 295 72 633
dps           -1 295 73 633            -1 295 73 633
gfn           0 295 74 633             0 295 74 633
alignps-json  -1 295 72 633            -1 295 72 633
seas          0 295.58 72.94 633.80    0 295.58 72.94 633.80
============  =======================  =====================
"""

from __future__ import annotations

import numpy as np

from mmdet_ps.utils.errors import UserError


def corners(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) xywh as (N, 4) xyxy."""
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def rounded_corners(
    boxes: np.ndarray, rule: str, role: str, sizes: np.ndarray | None = None
) -> np.ndarray:
    """The corners of native boxes under one of the rules above.

    Args:
        boxes (ndarray): (N, 4) float64 xywh, pixels.
        rule (str): ``none``, or a name of the table.
        role (str): ``gallery`` or ``query``.
        sizes (ndarray): width and height of the image of each box, (N, 2)
            float64, pixels. Rules that clip at the border leave that out
            without them.

    Returns:
        ndarray: (N, 4) float64 xyxy, pixels.

    Raises:
        UserError: There is no such rule.
    """
    if rule == 'none':
        return corners(boxes)
    if rule == 'seqnet' and role == 'query':
        return np.maximum(np.trunc(corners(boxes)), 0)
    if rule == 'seqnet':
        return np.trunc(corners(np.maximum(boxes, 0)))
    if rule == 'dps':
        return corners(np.trunc(boxes))
    if rule == 'alignps-json':
        return np.trunc(corners(boxes))
    if rule == 'gfn':
        return _clip(corners(np.maximum(np.trunc(boxes), 0)), sizes)
    if rule == 'seas':
        return _clip(np.maximum(corners(boxes), 0), sizes)
    raise UserError(
        f'no rounding rule {rule!r}: choose none, or one of the table in '
        'docs/evaluation.md'
    )


def _clip(bboxes: np.ndarray, sizes: np.ndarray | None) -> np.ndarray:
    if sizes is None:
        return bboxes
    return np.minimum(bboxes, np.tile(sizes, 2))
