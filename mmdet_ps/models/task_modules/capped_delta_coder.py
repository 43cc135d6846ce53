"""Box deltas whose growth alone is limited."""

import math

import torch
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class CappedDeltaXYWHBBoxCoder(DeltaXYWHBBoxCoder):
    """mmdet's coder, but a box may shrink without limit.

    mmdet caps the logarithm of the size ratio in both directions, Detectron
    and torchvision only upwards. Encoding is the same.

    Args:
        weights (tuple[float]): factors of (dx, dy, dw, dh), e.g. (10, 10, 5,
            5).
    """

    def __init__(
        self, weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    ) -> None:
        super().__init__(target_stds=[1.0 / weight for weight in weights])

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: tuple[int, int] | None = None,
        wh_ratio_clip: float = 16 / 1000,
    ) -> Tensor:
        """Boxes that deltas make of others.

        Args:
            bboxes (Tensor): (N, 4) xyxy, pixels.
            pred_bboxes (Tensor): deltas, (N, 4).
            max_shape (tuple[int, int], optional): height and width, pixels;
                the boxes are clipped to them.
            wh_ratio_clip (float): the inverse of the largest growth.

        Returns:
            Tensor: (N, 4) xyxy, pixels.
        """
        deltas = pred_bboxes * pred_bboxes.new_tensor(self.stds)
        sizes = bboxes[:, 2:] - bboxes[:, :2]
        centers = bboxes[:, :2] + 0.5 * sizes
        centers = deltas[:, :2] * sizes + centers
        # exp of an untrained delta would overflow; its shrinking cannot.
        growth = deltas[:, 2:].clamp(max=-math.log(wh_ratio_clip))
        half = 0.5 * growth.exp() * sizes
        decoded = torch.cat([centers - half, centers + half], dim=1)
        if max_shape is not None:
            height, width = max_shape[:2]
            limit = decoded.new_tensor([width, height, width, height])
            decoded = decoded.clamp(min=0).minimum(limit)
        return decoded
