"""What a detector answers beside its detections, the same for all methods.

Three options of ``model.test_cfg``:

* ``embed_gt_boxes``: write the embeddings of the annotated boxes of a test
  image into its ``gt_instances``; searches with the given box need them.
* ``gt_boxes_as_detections``: answer with the annotated boxes, at score 1, in
  place of what was found.
* ``confidence_weighted``: multiply embeddings by the score of their box.
"""

from collections.abc import Callable, Mapping

import torch
from mmdet.structures import DetDataSample, SampleList
from mmengine.structures import InstanceData
from torch import Tensor

from mmdet_ps.utils.errors import UserError

OPTIONS = ('embed_gt_boxes', 'gt_boxes_as_detections', 'confidence_weighted')
# Embeddings of boxes, (n, D) per image, under the names that they have in
# ``pred_instances`` (ROI-AlignPS has several).
Fields = dict[str, list[Tensor]]


def check_options(test_cfg: Mapping | None) -> None:
    """Refuse the options anywhere but in ``model.test_cfg`` itself.

    Raises:
        UserError: one of them lies deeper, where nothing reads it.
    """
    for part, options in (test_cfg or {}).items():
        if not isinstance(options, Mapping):
            continue
        for name in OPTIONS:
            if name in options:
                raise UserError(
                    f'model.test_cfg.{part}.{name} has no effect: the option '
                    f'is model.test_cfg.{name}, whatever the method'
                )
        check_options(options)


def answer(
    test_cfg: Mapping | None,
    batch_data_samples: SampleList,
    detect: Callable[[], list[InstanceData]],
    embed: Callable[[list[Tensor]], Fields],
    like: Tensor,
) -> list[InstanceData]:
    """Predictions of B images under the options of this module.

    Args:
        test_cfg (Mapping, optional): ``model.test_cfg``.
        batch_data_samples (list): B samples; ``gt_instances`` may have
            ``bboxes`` (n, 4) xyxy, in pixels of the original image.
        detect (Callable): gives what the detector finds in the images, boxes
            in the same pixels, with ``embeddings``.
        embed (Callable): gives the embeddings of such boxes, one tensor
            (n, 4) per image.
        like (Tensor): has the type and the device of the detector's numbers.

    Returns:
        list[InstanceData]: ``bboxes`` (n, 4), ``scores`` (n,), ``labels``
        (n,) and embeddings (n, D) of each image.
    """
    test_cfg = test_cfg or {}
    check_options(test_cfg)
    embed_given, as_detections, weighted = (
        test_cfg.get(name, False) for name in OPTIONS
    )
    results = None if as_detections else detect()
    if embed_given or as_detections:
        given = [given_boxes(sample, like) for sample in batch_data_samples]
        fields = embed(given)
        if as_detections:
            results = [as_results(boxes) for boxes in given]
            set_fields(results, fields)
        if embed_given:
            set_fields(
                [s.get('gt_instances', None) for s in batch_data_samples],
                fields,
            )
    if weighted:
        for result in results:
            result.embeddings = result.embeddings * result.scores[:, None]
    return results


def given_boxes(data_sample: DetDataSample, like: Tensor) -> Tensor:
    """Annotated boxes (n, 4) of a test sample, in original pixels."""
    annotated = data_sample.get('gt_instances', None)
    if annotated is None or 'bboxes' not in annotated:
        return like.new_zeros(0, 4)
    return annotated.bboxes.to(like)


def to_input_pixels(bboxes: Tensor, data_sample: DetDataSample) -> Tensor:
    """Boxes (n, 4) in original pixels as pixels of the network's input."""
    factor = data_sample.metainfo.get('scale_factor', (1.0, 1.0))
    return bboxes * bboxes.new_tensor(factor[:2]).repeat(2)


def as_results(bboxes: Tensor) -> InstanceData:
    """Boxes (n, 4) as detections that are certain."""
    return InstanceData(
        bboxes=bboxes,
        scores=bboxes.new_ones(len(bboxes)),
        labels=bboxes.new_zeros(len(bboxes), dtype=torch.long),
    )


def set_fields(instances: list[InstanceData | None], fields: Fields) -> None:
    """Set a field of each image's instances, where it has boxes."""
    for name, values in fields.items():
        for instance, value in zip(instances, values):
            if instance is not None and 'bboxes' in instance:
                setattr(instance, name, value)
