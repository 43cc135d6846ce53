"""Annotated boxes that a detector can be trained on."""

from __future__ import annotations

import logging

import torch
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import get_box_tensor
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from torch import Tensor, nn

# Of a box less than this shows nothing, and its logarithm ruins the loss.
SMALLEST_SIDE = 0.1  # pixels
FIELDS = ('gt_instances', 'ignored_instances')


class CheckedSamples(list):
    """Samples whose boxes were looked at already."""


def with_usable_boxes(batch_data_samples: SampleList) -> SampleList:
    """The samples without the boxes that no detector can be trained on.

    These are boxes that are flat, not finite, outside of the image, or that
    reach farther beyond its border than the image is large. One of them is
    enough for a loss that is not finite, after which all weights are lost.
    Readers of datasets drop them; this is for data that comes another way.

    Args:
        batch_data_samples: B samples with ``img_shape`` and, in pixels of
            the network's input, ``gt_instances.bboxes`` (N, 4) xyxy; likewise
            their ``ignored_instances``, if any.

    Returns:
        list: The very samples where all boxes are usable; otherwise copies
        of those concerned. A warning names each image that loses a box.
    """
    if isinstance(batch_data_samples, CheckedSamples):
        return batch_data_samples
    instances = [
        (index, field, sample.get(field))
        for index, sample in enumerate(batch_data_samples)
        for field in FIELDS
        if 'bboxes' in sample.get(field, ())
    ]
    if not instances:
        return batch_data_samples
    masks = [
        usable(
            get_box_tensor(found.bboxes), batch_data_samples[index].img_shape
        )
        for index, _, found in instances
    ]
    if bool(torch.cat(masks).all()):  # the one look at the values
        return batch_data_samples
    samples = list(batch_data_samples)
    for (index, field, found), mask in zip(instances, masks):
        samples[index] = _without(samples[index], field, found, mask)
    return samples


def check_on_the_host(data_preprocessor: nn.Module) -> None:
    """Have boxes looked at before a data preprocessor moves them.

    A GPU would have to be waited for to look at them there, at the beginning
    of each step.
    """
    data_preprocessor.register_forward_pre_hook(_checked, with_kwargs=True)


def _checked(
    data_preprocessor: nn.Module, args: tuple, kwargs: dict
) -> tuple[tuple, dict] | None:
    """Arguments of a data preprocessor, with samples that were checked.

    None, for arguments as they are, where they are not of a training, or
    where boxes change afterwards.
    """
    given = dict(zip(('data', 'training'), args), **kwargs)
    data = given.get('data')
    samples = data.get('data_samples') if isinstance(data, dict) else None
    if (
        not given.get('training')
        or not isinstance(samples, list)
        or getattr(data_preprocessor, 'batch_augments', None)
    ):
        return None
    samples = CheckedSamples(with_usable_boxes(samples))
    return (), dict(given, data=dict(data, data_samples=samples))


def usable(boxes: Tensor, img_shape: tuple[int, ...]) -> Tensor:
    """Which of boxes (N, 4) xyxy can be trained on, (N,) bool.

    Args:
        img_shape: Height and width of the image, in pixels.
    """
    height, width = img_shape[:2]
    size = boxes.new_tensor([width, height])
    low, high = boxes[:, :2], boxes[:, 2:]
    seen = high.minimum(size) - low.clamp(min=0)
    near = (low >= -size) & (high <= 2 * size)  # neither holds for nan
    return ((seen >= SMALLEST_SIDE) & near).all(dim=1)


def _without(
    sample: DetDataSample, field: str, found: InstanceData, mask: Tensor
) -> DetDataSample:
    """A copy of a sample whose instances are those of the mask (N,)."""
    dropped = get_box_tensor(found.bboxes)[~mask]
    if len(dropped) == 0:
        return sample
    print_log(
        f'{sample.get("img_path")}: {len(dropped)} boxes are left out of the '
        'training because they are flat, not finite or outside of the image, '
        f'the first of them {dropped[0].tolist()}',
        logger='current',
        level=logging.WARNING,
    )
    copy = sample.new()
    setattr(copy, field, found[mask])
    return copy
