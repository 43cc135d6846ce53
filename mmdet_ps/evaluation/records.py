"""What is kept of the prediction of one image."""

from __future__ import annotations

import numpy as np

from mmdet_ps.utils.errors import UserError

EMBEDDINGS = ('embeddings', 'dense_embeddings', 'roi_embeddings')
GIVEN = ('bboxes', 'person_ids', *EMBEDDINGS)


def record_of(data_sample: dict) -> dict:
    """A dict of numpy arrays from a data sample as a dict.

    Returns:
        ``img_id``, ``img_path``, ``bboxes`` (n, 4), ``scores`` (n,), the
        embeddings (n, D) there are, and ``gt_`` with the same of the given
        boxes and their ``person_ids``, where the sample has them.
    """
    predicted = data_sample['pred_instances']
    if 'embeddings' not in predicted:
        raise UserError(
            'predictions without embeddings cannot be scored as '
            'a search; is the model a person-search detector?'
        )
    record = dict(
        img_id=data_sample.get('img_id', -1),
        img_path=str(data_sample.get('img_path', '')),
    )
    for key in ('bboxes', 'scores', *EMBEDDINGS):
        if key in predicted:
            record[key] = _array(predicted[key])
    given = data_sample.get('gt_instances') or {}
    if 'bboxes' in given:
        record.update(
            {f'gt_{key}': _array(given[key]) for key in GIVEN if key in given}
        )
    return record


def _array(value) -> np.ndarray:
    """Numbers of a tensor, a box structure or an array; floats as float32."""
    value = getattr(value, 'tensor', value)
    if hasattr(value, 'detach'):  # a tensor, asked without importing torch
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
        value = value.numpy()
    return np.asarray(value)
