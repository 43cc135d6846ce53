"""Packing: from arrays of a pipeline to what a model receives."""

from __future__ import annotations

import numpy as np
from mmdet.datasets.transforms import PackDetInputs
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import BaseBoxes

META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'domain',
)


@TRANSFORMS.register_module()
class PackPersonSearchInputs(PackDetInputs):
    """mmdet's packer with identities.

    ``inputs`` is a (3, H, W) uint8 tensor; ``data_samples`` a
    ``DetDataSample`` whose ``gt_instances`` and ``ignored_instances`` have
    ``bboxes`` (N, 4), ``labels`` (N,) and ``person_ids`` (N,) int64.

    Args:
        meta_keys: What goes into the metainfo of the data sample.
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
                raise ValueError(
                    f'{results.get("img_path", "an image")}: {boxes} boxes '
                    f'but {len(results[key])} entries of {key}: a transform '
                    f'dropped boxes and kept {key}; use one that filters '
                    f'{key} too (FilterPersonAnnotations instead of '
                    'FilterAnnotations)'
                )
