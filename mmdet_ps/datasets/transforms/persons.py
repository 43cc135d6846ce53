"""Transforms that know identities: loading, filtering, mirroring, packing."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs, RandomFlip
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import BaseBoxes, HorizontalBoxes

from mmdet_ps.structures.fields import UNLABELLED
from mmdet_ps.utils.errors import UserError

PER_INSTANCE = (
    'gt_bboxes',
    'gt_bboxes_labels',
    'gt_instances_ids',
    'gt_ignore_flags',
)
META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'source',
)


@TRANSFORMS.register_module()
class LoadPersonAnnotations(BaseTransform):
    """Load the persons of an image.

    An instance without ``instance_id`` is unlabelled, one without
    ``ignore_flag`` counts, one without ``bbox`` fills the image.

    Required keys: ``instances``, and ``img_shape`` of a picture that is loaded
    or ``height`` and ``width``. Added keys, one entry per instance and in the
    same order: ``gt_bboxes`` (N, 4) float32 xyxy,
    ``gt_bboxes_labels`` (N,) int64 zeros, ``gt_instances_ids`` (N,) int64,
    ``gt_ignore_flags`` (N,) bool.

    Before ``Resize`` in training pipelines, so that the boxes follow the
    image; after it in test pipelines, so that they stay in pixels of the
    original image, as mmdet's predictions do.
    """

    def transform(self, results: dict) -> dict:
        instances = results['instances']
        shape = results.get('ori_shape') or results.get('img_shape')
        height, width = (
            shape[:2] if shape else (results['height'], results['width'])
        )
        whole = [0, 0, width, height]
        boxes = [i.get('bbox') or whole for i in instances]
        results['gt_bboxes'] = HorizontalBoxes(
            np.array(boxes, np.float32).reshape(-1, 4)
        )
        results['gt_bboxes_labels'] = np.zeros(len(instances), np.int64)
        results['gt_instances_ids'] = np.array(
            [i.get('instance_id', UNLABELLED) for i in instances], np.int64
        )
        results['gt_ignore_flags'] = np.array(
            [i.get('ignore_flag', 0) for i in instances], bool
        )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class FilterPersonAnnotations(BaseTransform):
    """mmdet's ``FilterAnnotations`` that filters identities as well.

    Args:
        min_gt_bbox_wh: Smallest width and height, in pixels, of a box that
            stays.
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


@TRANSFORMS.register_module()
class FlipCopies(RandomFlip):
    """Mirror the images that ``flipped_copies`` of a dataset appended.

    So that an epoch holds every image in both ways, exactly once each.
    """

    def __init__(self) -> None:
        super().__init__(prob=1.0)

    def transform(self, results: dict) -> dict:
        """Mirror image and boxes of a copy; leave an original."""
        if results.get('flipped_copy', False):
            return super().transform(results)
        results['flip'] = False
        results['flip_direction'] = None
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class PackPersonSearchInputs(PackDetInputs):
    """mmdet's packer with identities.

    ``inputs`` is a (3, H, W) uint8 tensor; ``data_samples`` a
    ``DetDataSample`` whose ``gt_instances`` and ``ignored_instances`` have
    ``bboxes`` (N, 4) float32 xyxy, pixels, ``labels`` (N,) int64 and
    ``person_ids`` (N,) int64, -1 where unlabelled.

    Args:
        meta_keys: What goes into the metainfo of the data sample.

    Raises:
        UserError: Boxes and identities differ in number; the image is named.
    """

    mapping_table = {
        **PackDetInputs.mapping_table,
        'gt_instances_ids': 'person_ids',
    }

    def __init__(self, meta_keys: tuple[str, ...] = META_KEYS) -> None:
        super().__init__(meta_keys)

    def transform(self, results: dict) -> dict:
        self._check_alignment(results)
        if 'gt_instances_ids' in results:
            results['gt_instances_ids'] = np.asarray(
                results['gt_instances_ids'], np.int64
            )
        packed = super().transform(results)
        sample = packed['data_samples']
        for instances in (sample.gt_instances, sample.ignored_instances):
            if isinstance(instances.get('bboxes'), BaseBoxes):
                instances.bboxes = instances.bboxes.tensor
        return packed

    @staticmethod
    def _check_alignment(results: dict) -> None:
        if 'gt_bboxes' not in results:
            return
        boxes = len(results['gt_bboxes'])
        for key in ('gt_instances_ids', 'gt_bboxes_labels', 'gt_ignore_flags'):
            if key in results and len(results[key]) != boxes:
                raise UserError(
                    f'{results.get("img_path", "an image")}: {boxes} boxes '
                    f'but {len(results[key])} entries of {key}: a transform '
                    f'dropped boxes and kept {key}; use one that filters '
                    f'{key} too (FilterPersonAnnotations instead of '
                    'FilterAnnotations)'
                )
