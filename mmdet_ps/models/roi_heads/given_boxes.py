"""Boxes given with an image, and their way to network pixels."""

from mmdet.structures import DetDataSample
from torch import Tensor


def boxes_scale(like: Tensor, img_meta: dict) -> Tensor:
    """Factors (4,) from original pixels to the network's."""
    return like.new_tensor(img_meta.get('scale_factor', (1.0, 1.0))).repeat(2)


def given_boxes(data_sample: DetDataSample, like: Tensor) -> Tensor:
    """Annotated boxes (n, 4) of a test sample in original pixels."""
    annotated = data_sample.get('gt_instances', None)
    if annotated is None or 'bboxes' not in annotated:
        return like.new_zeros(0, 4)
    return annotated.bboxes.to(like)
