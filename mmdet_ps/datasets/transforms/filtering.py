"""Dropping boxes that are too small, identities included."""

from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

PER_INSTANCE = (
    'gt_bboxes',
    'gt_bboxes_labels',
    'gt_instances_ids',
    'gt_ignore_flags',
)


@TRANSFORMS.register_module()
class FilterPersonAnnotations(BaseTransform):
    """mmdet's ``FilterAnnotations`` that filters identities as well.

    Args:
        min_gt_bbox_wh: Smallest width and height of a box that stays.
        keep_empty: Whether an image without any box left is used; otherwise
            another one is drawn in its place.
    """

    def __init__(
        self,
        min_gt_bbox_wh: tuple[float, float] = (1.0, 1.0),
        keep_empty: bool = False,
    ) -> None:
        self.min_gt_bbox_wh = min_gt_bbox_wh
        self.keep_empty = keep_empty

    def transform(self, results: dict) -> dict | None:
        """Filter; None, which makes the dataset draw again, where empty."""
        boxes = results['gt_bboxes']
        width, height = self.min_gt_bbox_wh
        keep = ((boxes.widths >= width) & (boxes.heights >= height)).numpy()
        if not keep.any() and not self.keep_empty:
            return None
        for key in PER_INSTANCE:
            if key in results:
                results[key] = results[key][keep]
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(min_gt_bbox_wh={self.min_gt_bbox_wh}, '
            f'keep_empty={self.keep_empty})'
        )
