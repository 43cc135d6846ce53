"""The batched RPN and RoI head against mmdet's loops, nothing sampled out."""

import pytest
import torch
from mmengine.structures import InstanceData

from mmdet_ps.models.roi_heads import BatchedRoIHead
from mmdet_ps.structures.fields import IGNORED

from ..tiny_alignps import tiny_model
from ..two_stage import batch

EVERYTHING = 10**6
PERSONS = [([3, -1, 7], [3, 0]), ([2], []), ([], [])]


def both(part, mmdets, **changes):
    """The same weights in our head and in mmdet's."""
    sampler = dict(sampler=dict(num=EVERYTHING, pos_fraction=0.5))
    train_cfg = dict(rpn=sampler, rcnn=sampler)
    ours = tiny_model(roi=True, train_cfg=train_cfg).train()
    theirs = tiny_model(
        roi=True, train_cfg=train_cfg, **{part: dict(type=mmdets)}
    ).train()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def inputs(model, persons, ignored=False):
    data = batch(*persons)
    if ignored:  # the left half of the first image
        data['data_samples'][0].ignored_instances = InstanceData(
            bboxes=torch.tensor([[0.0, 0, 64, 96], [70, 0, 80, 9]])
        )
    data = model.data_preprocessor(data, True)
    with torch.no_grad():
        model.backbone.eval()
        stage = model.backbone(data['inputs'])[2]
    return (stage,), data['data_samples']


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('persons', PERSONS)
def test_losses_of_the_proposals(persons, ignored):
    ours, theirs = both('rpn_head', 'RPNHead')
    x, samples = inputs(ours, persons, ignored)
    losses = ours.rpn_head.loss(x, samples)
    for key, value in theirs.rpn_head.loss(x, samples).items():
        torch.testing.assert_close(losses[key], sum(value))


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('persons', PERSONS)
def test_losses_of_the_rois(persons, ignored):
    ours, theirs = both('roi_head', 'PersonSearchRoIHead')
    x, samples = inputs(ours, persons, ignored)
    _, proposals = ours.rpn_head.loss_and_predict(x, samples)
    ours.eval(), theirs.eval()  # norms that do not see the order
    expected, _ = theirs.roi_head.loss_and_rows(x, proposals, samples)
    losses, rows = ours.roi_head.loss_and_rows(x, proposals, samples)
    ids = rows.person_ids
    assert set(losses) == set(expected)
    for key, value in expected.items():
        torch.testing.assert_close(losses[key], value, msg=key)
    assert len(rows.embeddings) == len(ids)
    drawn, known = ours.roi_head.sampled_rois
    assert torch.equal(known, ids) and len(drawn) == len(ids)
    number = sum(map(len, persons))
    assert (ids > IGNORED).sum() >= number


def test_no_background_is_drawn_from_ignored_regions():
    ours, _ = both('roi_head', 'PersonSearchRoIHead')
    drawn = {}
    for ignored in (False, True):
        x, samples = inputs(ours, PERSONS[0], ignored)
        _, proposals = ours.rpn_head.loss_and_predict(x, samples)
        rois, _, _, (labels, *_) = ours.roi_head.draw_rois(proposals, samples)
        inside = (rois[:, 0] == 0) & (rois[:, 3] <= 64) & (labels == 1)
        drawn[ignored] = int(inside.sum())
    assert drawn[False] > 0 and drawn[True] == 0


def test_rois_are_limited():
    model = tiny_model(roi=True).train()
    x, samples = inputs(model, PERSONS[0])
    _, proposals = model.rpn_head.loss_and_predict(x, samples)
    assert isinstance(model.roi_head, BatchedRoIHead)
    rois, ids, _, (labels, *_) = model.roi_head.draw_rois(proposals, samples)
    for image in (0, 1):
        own = rois[:, 0] == image
        assert own.sum() <= 16
        assert (labels[own] == 0).sum() <= 8
    assert ((labels == 0) == (ids > IGNORED)).all()
