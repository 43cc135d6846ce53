from unittest import mock

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from tests.test_models.two_stage import batch, build, losses_of, model_config

METHODS = ['oim', 'nae', 'bsl', 'seqnet', 'coat', 'seqnext']


@pytest.fixture(scope='module', params=METHODS)
def model(request):
    return build(model_config(f'{request.param}_r18-c4'))


def test_training_lowers_the_detection_losses(model):
    """On RoIs that stay the same: only the RoI head moves."""
    model.train()
    optimizer = torch.optim.SGD(model.roi_head.parameters(), lr=0.002)
    data = batch([3, -1], [3, 7])
    values = []
    for _ in range(8):
        torch.manual_seed(1)  # the same RoIs are sampled
        losses = losses_of(model, data)
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        stage = 'first_' if 'loss_first_cls' in losses else ''
        values.append(
            losses[f'loss_{stage}cls'].item()
            + losses[f'loss_{stage}bbox'].item()
        )
    assert values[-1] < values[0]


@pytest.mark.parametrize(
    'persons',
    [([], []), ([-1], [-1, -1]), ([2],), ([2], [])],
    ids=['nobody', 'strangers', 'one-person', 'one-empty-image'],
)
def test_every_parameter_has_a_finite_gradient(model, persons):
    model.train()
    losses = losses_of(model, batch(*persons))
    total, logged = model.parse_losses(losses)
    assert 'loss_reid' in losses
    if not any(i >= 0 for ids in persons for i in ids):
        assert float(losses['loss_reid']) == 0
    model.zero_grad()
    total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(v.isfinite() for v in logged.values())


def test_an_image_that_is_ignored_as_a_whole(model):
    """Nobody is annotated, nothing is background: there is no RoI at all."""
    model.train()
    data = batch([])
    data['data_samples'][0].ignored_instances = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 128, 96]]), labels=torch.zeros(1).long()
    )
    total, _ = model.parse_losses(losses_of(model, data))
    assert len(model.roi_head.sampled_rois[0]) == 0
    model.zero_grad()
    total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_background_feeds_no_identity(model):
    """Strangers enter the queue, background RoIs never do."""
    model.train()
    memories = [m for n, m in model.named_modules() if n.endswith('.memory')]
    assert memories
    for memory in memories:
        memory.count.zero_()
    losses_of(model, batch([], []))
    assert all(int(memory.count) == 0 for memory in memories)
    losses_of(model, batch([-1], [-1]))
    assert all(int(memory.count) > 0 for memory in memories)


def test_predictions_are_in_original_pixels(model):
    model.eval()
    model.roi_head.test_cfg.score_thr = 0.0
    data = batch([1, 2], [], size=(96, 128), scale=0.5)
    with torch.no_grad():
        first, second = model.test_step(data)
    found = first.pred_instances
    assert len(found) > 0
    assert found.bboxes[:, 0::2].max() > 128
    assert found.bboxes[:, 0::2].max() <= 256
    lengths = found.embeddings.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
    assert (found.scores[:-1] >= found.scores[1:]).all()
    given = first.gt_instances.embeddings
    assert given.shape == (2, found.embeddings.shape[1])
    assert second.gt_instances.get('embeddings', given[:0]).shape[0] == 0


def test_given_boxes_are_embedded_alike_by_every_way(model):
    model.eval()
    data = batch([1, 2], [5], scale=0.5)
    boxes = [s.gt_instances.bboxes for s in data['data_samples']]
    with torch.no_grad():
        answers = model.test_step(data)
        data = model.data_preprocessor(batch([1, 2], [5], scale=0.5))
        embeddings = model.embed_boxes(
            data['inputs'], data['data_samples'], boxes
        )
    for answer, rows in zip(answers, embeddings):
        torch.testing.assert_close(answer.gt_instances.embeddings, rows)


def test_given_boxes_can_be_the_detections(model):
    model.eval()
    cfg = model.test_cfg
    cfg.gt_boxes_as_detections = True
    with torch.no_grad():
        (answer, empty) = model.test_step(batch([1, 2], [], scale=0.5))
    cfg.gt_boxes_as_detections = False
    found = answer.pred_instances
    torch.testing.assert_close(found.bboxes, answer.gt_instances.bboxes)
    torch.testing.assert_close(
        found.embeddings, answer.gt_instances.embeddings
    )
    assert found.scores.tolist() == [1, 1]
    assert len(empty.pred_instances) == 0
    assert empty.pred_instances.embeddings.ndim == 2


def test_nothing_found_has_the_fields_of_something_found(model):
    model.eval()
    model.roi_head.test_cfg.score_thr = 2.0
    with torch.no_grad():
        (answer,) = model.test_step(batch([1]))
    model.roi_head.test_cfg.score_thr = 0.0
    found = answer.pred_instances
    assert found.bboxes.shape == (0, 4)
    assert found.scores.shape == (0,)
    assert found.embeddings.shape[0] == 0
    assert found.embeddings.shape[1] > 1


def test_confidence_weighting_scales_by_the_score(model):
    model.eval()
    cfg = model.test_cfg
    cfg.confidence_weighted = True
    with torch.no_grad():
        (answer,) = model.test_step(batch([1]))
    cfg.confidence_weighted = False
    found = answer.pred_instances
    torch.testing.assert_close(found.embeddings.norm(dim=1), found.scores)


def test_samples_without_annotations_are_ordinary(model):
    model.eval()
    data = batch([1])
    del data['data_samples'][0].gt_instances
    with torch.no_grad():
        (answer,) = model.test_step(data)
    assert 'bboxes' in answer.pred_instances


@pytest.mark.parametrize('dtype', [torch.bfloat16])
def test_half_precision_trains_and_finds(model, dtype):
    model.train()
    data = batch([3, -1], [3, 7])
    with torch.autocast('cpu', dtype):
        losses = losses_of(model, data)
    total, _ = model.parse_losses(losses)
    assert total.isfinite()
    model.zero_grad()
    total.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', dtype):
        (answer,) = model.test_step(batch([1]))
    assert answer.pred_instances.embeddings.isfinite().all()
    assert answer.pred_instances.bboxes.dtype == torch.float32


def test_boxes_are_not_rounded_to_the_type_of_the_maps(model):
    """At these sizes neighbours in bfloat16 are 8 pixels apart."""
    head = model.roi_head
    maps = (torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16),)
    boxes = torch.tensor([[1201.3, 703.7, 1350.9, 1093.1]])
    meta = dict(scale_factor=(1.2345, 1.2347))
    scale = torch.tensor(meta['scale_factor'] * 2)
    seen = []

    def embed_rois(x, rois):
        seen.append(rois)
        return torch.zeros(len(rois), 4)

    with mock.patch.object(head, 'embed_rois', embed_rois):
        head.embed_boxes(maps, [DetDataSample(metainfo=meta)], [boxes])
        found = InstanceData(bboxes=boxes.clone(), rois=boxes.clone())
        found.embeddings = torch.zeros(1, 4)
        (found,) = head.finish(maps, [found], [meta], rescale=True)
    torch.testing.assert_close(seen[0][:, 1:], boxes * scale)
    torch.testing.assert_close(found.bboxes, boxes / scale)
