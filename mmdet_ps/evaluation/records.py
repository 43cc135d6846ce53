"""What is kept of the prediction of one image, and whether it is sound."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmdet_ps.structures.fields import SCENE
from mmdet_ps.utils.errors import UserError

EMBEDDINGS = ('embeddings', 'dense_embeddings', 'roi_embeddings')
FOUND = ('bboxes', 'scores', *EMBEDDINGS)
GIVEN = ('bboxes', 'person_ids', *EMBEDDINGS)
FIELDS = (*FOUND, *(f'gt_{key}' for key in GIVEN), SCENE)
AGAIN = 'write the file again'


def record_of(data_sample: dict) -> dict:
    """Turn what a model gave for one image into a dict of numpy arrays.

    Args:
        data_sample (dict): a ``DetDataSample`` as a dict, with
            ``pred_instances`` and, where boxes are annotated,
            ``gt_instances``.

    Returns:
        dict: ``img_id``, ``img_path``, ``bboxes``, (n, 4) float32 xyxy in
        pixels of the original image, ``scores``, (n,) float32, and the
        embeddings there are, (n, D) float32. The same of the annotated boxes
        has names that start with ``gt_``, and ``gt_person_ids``, (m,) int64.
        ``scene``, (2, D) float32, of a model that filters the gallery.

    Raises:
        UserError: The model gave no embeddings.
    """
    predicted = data_sample['pred_instances']
    if 'embeddings' not in predicted:
        raise UserError(
            'predictions without embeddings cannot be scored as '
            'a search; use a config of a person-search method'
        )
    record = dict(
        img_id=data_sample.get('img_id', -1),
        img_path=str(data_sample.get('img_path', '')),
    )
    for key in FOUND:
        if key in predicted:
            record[key] = _array(predicted[key])
    if SCENE in data_sample:
        record[SCENE] = _array(data_sample[SCENE])
    given = data_sample.get('gt_instances') or {}
    if 'bboxes' in given:
        record.update(
            {f'gt_{key}': _array(given[key]) for key in GIVEN if key in given}
        )
    return record


def _array(value) -> np.ndarray:
    """The numbers of a tensor, of mmdet's boxes or of an array.

    Tensors of any floating-point type become float32.
    """
    value = getattr(value, 'tensor', value)
    if hasattr(value, 'detach'):  # a tensor, asked without importing torch
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
        value = value.numpy()
    return np.asarray(value)


def checked_records(records: Sequence[dict], source: str) -> list[dict]:
    """Records that can be scored, whoever wrote them.

    Args:
        records (Sequence[dict]): one per image, see :func:`record_of`; lists
            may stand for arrays.
        source (str): where they come from, for messages.

    Returns:
        list[dict]: the same with arrays whose shapes fit each other.

    Raises:
        UserError: A record lacks a field, or has one of another shape, of
            something else than numbers, or with numbers that are not finite.
    """
    if not isinstance(records, (list, tuple)):
        raise UserError(
            f'{source}: holds no list of images, but a {_kind(records)}; '
            f'{AGAIN}'
        )
    checked: list[dict] = []
    widths: dict[str, int] = {}
    fields = None
    for number, record in enumerate(records):
        where = f'{source}: image {number}'
        if not isinstance(record, dict):
            raise UserError(
                f'{where} is no dict, but a {_kind(record)}; {AGAIN}'
            )
        path = record.get('img_path', '')
        if not isinstance(path, str):
            raise UserError(
                f'{where}: its img_path is a {_kind(path)}, not a text; '
                f'{AGAIN}'
            )
        where += f' ({path})' if path else ''
        arrays = {
            key: _numbers(record[key], f'{where}: {key}')
            for key in FIELDS
            if key in record
        }
        fields = fields or _fields_of(arrays, where)
        if arrays.keys() != fields:
            key = sorted(arrays.keys() ^ fields)[0]
            raise UserError(
                f'{where}: {key} is there and not in the first image, or the '
                f'other way round; all images must have the same: {AGAIN}'
            )
        _check_shapes(arrays, widths, where)
        checked.append({**record, **arrays})
    return checked


def _kind(value: object) -> str:
    return type(value).__name__


def _fields_of(arrays: dict, where: str) -> set[str]:
    """The fields that every image must have: those of the first."""
    lacking = [key for key in ('bboxes', 'scores') if key not in arrays]
    if not lacking and not any(key in arrays for key in EMBEDDINGS):
        lacking = ['embeddings']
    if lacking:
        raise UserError(
            f'{where} lacks {lacking[0]}; write the file again with '
            'tools/test.py --out'
        )
    return set(arrays)


def _numbers(value: object, where: str) -> np.ndarray:
    """An array of finite numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        raise UserError(
            f'{where} is no array, but rows of different lengths; {AGAIN}'
        ) from None
    if array.dtype.kind not in 'fiu':
        raise UserError(
            f'{where} holds no numbers, but {array.dtype}; {AGAIN}'
        )
    # The sum is fast; what overflows in it is looked at again.
    if not math.isfinite(array.sum()) and not np.isfinite(array).all():
        raise UserError(
            f'{where} holds numbers that are not finite; did the training '
            'diverge?'
        )
    return array


def _check_shapes(arrays: dict, widths: dict, where: str) -> None:
    """Compare shapes with each other, and widths with earlier images."""
    for key, array in arrays.items():
        if key == SCENE:
            width = widths.setdefault(key, array.shape[-1])
            if array.shape != (2, width) or not width:
                raise UserError(
                    f'{where}: {key} has the shape {array.shape}, not '
                    f'(2, D); {AGAIN}'
                )
            continue
        boxes = 'gt_bboxes' if key.startswith('gt_') else 'bboxes'
        if array.shape[:1] != arrays.get(boxes, array).shape[:1]:
            raise UserError(
                f'{where}: {key} has the shape {array.shape}, but there are '
                f'{len(np.atleast_1d(arrays[boxes]))} boxes; {AGAIN}'
            )
        if array.shape[:1] == (0,):
            continue
        vectors = key.endswith(('bboxes', 'embeddings'))
        width = 4 if key.endswith('bboxes') else None
        if vectors and array.ndim == 2:
            width = width or widths.setdefault(key, array.shape[1])
        # An embedding of no number tells nothing: its width is 0.
        if (
            array.ndim != 1 + vectors
            or vectors
            and array.shape[1] != (width or -1)
        ):
            raise UserError(
                f'{where}: {key} has the shape {array.shape}, not '
                + (f'(n, {width or "D"})' if vectors else '(n,)')
                + f'; {AGAIN}'
            )
        if key == 'gt_person_ids' and array.dtype.kind == 'f':
            raise UserError(f'{where}: {key} holds no whole numbers; {AGAIN}')
