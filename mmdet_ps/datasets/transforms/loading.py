"""Boxes, identities and ignore flags of an image."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from mmdet_ps.structures.fields import UNLABELLED


@TRANSFORMS.register_module()
class LoadPersonAnnotations(BaseTransform):
    """Load the persons of an image.

    An instance without ``instance_id`` is unlabelled, one without
    ``ignore_flag`` counts, one without ``bbox`` fills the image.

    Required keys: ``instances``, ``img_shape``. Added keys, one entry per
    instance and in the same order: ``gt_bboxes`` (N, 4) float32 xyxy,
    ``gt_bboxes_labels`` (N,) int64 zeros, ``gt_instances_ids`` (N,) int64,
    ``gt_ignore_flags`` (N,) bool.

    Before ``Resize`` in training pipelines, so that the boxes follow the
    image; after it in test pipelines, so that they stay in pixels of the
    original image, as mmdet's predictions do.
    """

    def transform(self, results: dict) -> dict:
        instances = results['instances']
        height, width = results.get('ori_shape', results['img_shape'])[:2]
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
