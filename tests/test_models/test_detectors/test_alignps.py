"""AlignPS and ROI-AlignPS as whole detectors, tiny."""

import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps

from ..tiny_alignps import WIDTH, find_everything, tiny_model
from ..two_stage import batch, losses_of

DENSE = {
    'loss_cls',
    'loss_bbox',
    'loss_centerness',
    'loss_reid',
    'loss_reid_triplet',
}
TWO_STAGE = DENSE | {
    'loss_rpn_cls',
    'loss_rpn_bbox',
    'roi_loss_cls',
    'roi_loss_bbox',
    'roi_loss_reid',
    'loss_reid_mutual_information',
}


def flat(losses):
    """Losses as scalars; mmdet's heads give one per level."""
    return {
        key: sum(value) if isinstance(value, list) else value
        for key, value in losses.items()
        if 'loss' in key
    }


@pytest.mark.parametrize('roi, keys', [(False, DENSE), (True, TWO_STAGE)])
@pytest.mark.parametrize('one_level', [False, True])
@pytest.mark.parametrize(
    'persons', [([3, -1, 7], [3, 0]), ([], []), ([-1], [-1]), ([2], [])]
)
def test_a_training_step_reaches_every_parameter(
    roi, keys, one_level, persons
):
    model = tiny_model(roi=roi, one_level=one_level).train()
    losses = flat(losses_of(model, batch(*persons)))
    assert set(losses) == keys
    assert all(torch.isfinite(value) for value in losses.values())
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_deformable_layers_train_too():
    model = tiny_model(plain=False).train()
    losses = flat(losses_of(model, batch([3, -1], [4])))
    sum(losses.values()).backward()
    offset = model.neck.fpn_convs[0].conv_offset.weight
    assert offset.grad.abs().sum() > 0
    # Undeformed at the start, learnt from the first step on.
    offset = model.bbox_head.cls_convs[0].conv.conv_offset.weight
    assert offset.abs().sum() == 0 and offset.grad.abs().sum() > 0


def test_a_training_step_with_the_sane_options():
    model = tiny_model(
        roi=True,
        plain=False,
        one_level=True,
        neck=dict(zero_init_offset=True, num_outs=1),
        bbox_head=dict(
            centering='image',
            cls_divisor='positives',
            loss_reid=dict(
                reduction='labelled',
                memory=dict(queue_dims=None, normalize_table=True),
            ),
            loss_reid_triplet=dict(skip_identity_zero=False),
        ),
    ).train()
    assert not model.neck.fpn_convs[0].conv_offset.weight.any()
    losses = flat(losses_of(model, batch([0, -1, 7], [3, 0])))
    sum(losses.values()).backward()
    memory = model.bbox_head.loss_reid.memory
    filled = memory.lookup_table[[0, 3, 7]].norm(dim=1)
    torch.testing.assert_close(filled, torch.ones(3))
    assert memory.queue[0].all()


def predictions(model, data):
    with torch.no_grad():
        return model.test_step(data)


@pytest.mark.parametrize('roi', [False, True])
def test_predictions(roi):
    model = find_everything(tiny_model(roi=roi))
    for sample in predictions(model, batch([1], [2, 3], scale=0.5)):
        result = sample.pred_instances
        assert len(result) > 3
        lengths = result.embeddings.norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones(len(result)))
        assert (result.scores.diff() <= 0).all()
        height, width = sample.ori_shape
        assert result.bboxes[:, 2].max() > sample.img_shape[1]
        assert (result.bboxes[:, 2] <= width + 1e-3).all()
        if roi:
            halves = [result.dense_embeddings, result.roi_embeddings]
            assert all(half.shape[1] == WIDTH for half in halves)
            torch.testing.assert_close(
                result.embeddings, torch.cat(halves, 1) / 2**0.5
            )


@pytest.mark.parametrize('roi', [False, True])
def test_a_batch_equals_its_images_alone(roi):
    model = find_everything(tiny_model(roi=roi))
    data = batch([1], [2, 3])
    together = predictions(model, data)
    for i, expected in enumerate(together):
        single = {key: value[i : i + 1] for key, value in data.items()}
        (alone,) = predictions(model, single)
        for name, value in alone.pred_instances.items():
            torch.testing.assert_close(
                value, expected.pred_instances[name], atol=1e-4, rtol=1e-3
            )


@pytest.mark.parametrize('roi', [False, True])
def test_nobody_found(roi):
    model = tiny_model(roi=roi).eval()  # scores of 0.01 at the start
    model.test_cfg.embed_gt_boxes = True
    width = 2 * WIDTH if roi else WIDTH
    for sample in predictions(model, batch([1], [])):
        assert sample.pred_instances.embeddings.shape == (0, width)
        given = sample.gt_instances
        assert given.embeddings.shape == (len(given), width)
        assert (given.embeddings[:, :WIDTH] == 0).all()


@pytest.mark.parametrize('roi', [False, True])
def test_given_boxes(roi):
    model = find_everything(tiny_model(roi=roi))
    data = batch([1, 2], [3], scale=0.5)
    model.test_cfg.embed_gt_boxes = True
    found = predictions(model, data)
    boxes = [sample.gt_instances.bboxes for sample in found]
    prepared = model.data_preprocessor(data, False)
    with torch.no_grad():
        embedded = model.embed_boxes(
            prepared['inputs'], prepared['data_samples'], boxes
        )
    for sample, rows in zip(found, embedded):
        given, result = sample.gt_instances, sample.pred_instances
        torch.testing.assert_close(given.embeddings, rows)
        nearest = bbox_overlaps(given.bboxes, result.bboxes).argmax(1)
        dense = 'dense_embeddings' if roi else 'embeddings'
        torch.testing.assert_close(given[dense], result[dense][nearest])


def test_a_detection_given_as_box_keeps_its_embedding():
    model = find_everything(tiny_model(roi=True))
    data = batch([1])
    (sample,) = predictions(model, data)
    result = sample.pred_instances[:3]
    prepared = model.data_preprocessor(data, False)
    with torch.no_grad():
        (rows,) = model.embed_boxes(
            prepared['inputs'], prepared['data_samples'], [result.bboxes]
        )
    torch.testing.assert_close(rows, result.embeddings)


@pytest.mark.parametrize('roi', [False, True])
def test_given_boxes_as_detections_and_weighting(roi):
    model = find_everything(tiny_model(roi=roi))
    data = batch([1, 2], [])
    model.test_cfg.gt_boxes_as_detections = True
    first, second = predictions(model, data)
    torch.testing.assert_close(
        first.pred_instances.bboxes, first.gt_instances.bboxes
    )
    assert len(second.pred_instances) == 0
    model.test_cfg.update(
        gt_boxes_as_detections=False, confidence_weighted=True
    )
    result = predictions(model, data)[0].pred_instances
    torch.testing.assert_close(result.embeddings.norm(dim=1), result.scores)


def test_predictions_in_pixels_of_the_input():
    model = find_everything(tiny_model())
    data = model.data_preprocessor(batch([1], scale=0.5), False)
    with torch.no_grad():
        (original,) = model.predict(**rename(data))
        (inputs,) = model.predict(**rename(data), rescale=False)
    torch.testing.assert_close(
        original.pred_instances.bboxes * 0.5, inputs.pred_instances.bboxes
    )


def rename(data):
    return dict(
        batch_inputs=data['inputs'],
        batch_data_samples=[s.clone() for s in data['data_samples']],
    )


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('roi', [False, True])
def test_mixed_precision(roi, dtype):
    model = tiny_model(roi=roi).train()
    with torch.autocast('cpu', dtype=dtype):
        losses = flat(losses_of(model, batch([3, -1, 7], [3, 0])))
        sum(losses.values()).backward()
    for key in ('loss_reid', 'loss_reid_triplet'):
        assert losses[key].dtype == torch.float32
    memory = model.bbox_head.loss_reid.memory
    assert memory.lookup_table.dtype == torch.float32
    assert memory.lookup_table[3].norm() > 0
    assert all(torch.isfinite(value) for value in losses.values())
