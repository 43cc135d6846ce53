"""The order of COAT's stages, in training and in testing."""

from unittest import mock

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmdet_ps.models.losses import ClassifiedOIMLoss
from tests.test_models.two_stage import batch, build, losses_of, model_config

PERSON = torch.tensor([[20.0, 10, 60, 90]])


@pytest.fixture(scope='module')
def model():
    return build(model_config('coat_r18-c4'))


def shifted(*overlaps):
    """Boxes of the person's height that overlap the person so much."""
    boxes = PERSON.repeat(len(overlaps), 1)
    # Moved by d of a width w: IoU = (w - d) / (w + d).
    iou = torch.tensor(overlaps)
    boxes[:, 0::2] += (40 * (1 - iou) / (1 + iou))[:, None]
    return boxes


def test_each_stage_asks_for_a_tighter_box(model):
    sample = DetDataSample(metainfo=dict(img_shape=(96, 128)))
    sample.gt_instances = InstanceData(
        bboxes=PERSON,
        labels=torch.zeros(1, dtype=torch.long),
        person_ids=torch.tensor([3]),
    )
    proposals = InstanceData(bboxes=shifted(0.55, 0.65, 0.75, 0.45))
    head = model.roi_head
    positives = []
    for name in head.stages:
        (sampled,) = head.sample([proposals], [sample], head.assigners[name])
        positives.append(len(sampled.pos_priors) - 1)  # and the person
    assert positives == [3, 2, 1]


def test_boxes_of_a_stage_are_the_proposals_of_the_next(model):
    model.train()
    head = model.roi_head
    seen, answered = [], []
    hooks = [
        stage.register_forward_hook(
            lambda module, args, answer: answered.append(answer['bbox_pred'])
        )
        for stage in head.stages.values()
    ]
    sample = head.sample

    def listen(proposals, samples, assigner):
        seen.append([p.bboxes for p in proposals])
        return sample(proposals, samples, assigner)

    with mock.patch.object(head, 'sample', listen):
        losses_of(model, batch([3, -1], [3, 7]))
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(answered) == 3
    for deltas, boxes in zip(answered, seen[1:]):
        assert len(torch.cat(boxes)) == len(deltas)
        assert not torch.cat(boxes).requires_grad


def test_losses_and_memories_of_each_stage(model):
    model.train()
    losses = losses_of(model, batch([3, -1], [3, 7]))
    kinds = {
        'first_': {'cls', 'bbox'},
        'second_': {'cls', 'bbox', 'reid'},
        '': {'cls', 'bbox', 'reid'},
    }
    expected = {f'loss_{k}{kind}' for k, v in kinds.items() for kind in v}
    names = {'loss_rpn_cls', 'loss_rpn_bbox', 'acc_reid'}
    assert losses.keys() == expected | names
    assert model.reid_keys == ('loss_second_reid', 'loss_reid', 'acc_reid')
    second, third = (
        model.roi_head.stages[name].loss_reid for name in ('second', 'third')
    )
    assert isinstance(second, ClassifiedOIMLoss)
    assert second.memory is not third.memory
    rows = [loss.memory.lookup_table[3] for loss in (second, third)]
    assert rows[0].abs().sum() > 0 and not torch.equal(*rows)


def test_detections_have_the_first_score_and_both_embeddings(model):
    model.eval()
    head = model.roi_head
    for cfg in (head.test_cfg.first, head.test_cfg.second, head.test_cfg):
        cfg.score_thr = 0.0
    scores = []
    person_scores = head.stages['first'].head.person_scores
    with mock.patch.object(
        head.stages['first'].head,
        'person_scores',
        lambda logits: scores.append(person_scores(logits)) or scores[-1],
    ):
        (answer,) = model.test_step(batch([1]))
    found = answer.pred_instances
    assert len(found) > 1
    assert set(found.scores.tolist()) <= set(scores[0].tolist())
    dims = model.embedding_dims
    assert dims == dict(roi_second=64, roi_third=64)
    halves = found.embeddings.split(list(dims.values()), dim=1)
    for half in halves:
        # Both count alike.
        length = torch.full((len(found),), 0.5**0.5)
        torch.testing.assert_close(half.norm(dim=1), length)


def test_a_stage_without_an_overlap_is_an_error():
    config = model_config('coat_r18-c4')
    config.train_cfg.rcnn.overlaps = (0.5, 0.6)
    with pytest.raises(ValueError, match='shorter'):
        build(config)
