"""The batched RPN and RoI head against mmdet's loops, nothing sampled out."""

import pytest
import torch
from mmengine.structures import InstanceData

from mmdet_ps.models.roi_heads import BatchedRoIHead
from mmdet_ps.structures.fields import IGNORED
from mmdet_ps.utils.errors import UserError

from ..tiny_alignps import tiny_model
from ..two_stage import batch

EVERYTHING = 10**6
PERSONS = [([3, -1, 7], [3, 0]), ([2], []), ([], [])]


def both(part, mmdets, rpn=None, rcnn=None):
    """The same weights and rules in our head and in mmdet's."""
    sampler = dict(num=EVERYTHING, pos_fraction=0.5)
    train_cfg = {
        name: dict(
            options or {},
            sampler={**sampler, **(options or {}).get('sampler', {})},
        )
        for name, options in dict(rpn=rpn, rcnn=rcnn).items()
    }
    ours = tiny_model(roi=True, train_cfg=train_cfg).train()
    theirs = tiny_model(
        roi=True, train_cfg=train_cfg, **{part: dict(type=mmdets)}
    ).train()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def inputs(model, persons, ignored=False):
    data = batch(*persons)
    if len(persons) > 1:  # padded to the size of the first one
        data['inputs'][-1] = data['inputs'][-1][:, :64, :96]
        data['data_samples'][-1].set_metainfo(dict(img_shape=(64, 96)))
    if ignored:  # the left half of the first image
        data['data_samples'][0].ignored_instances = InstanceData(
            bboxes=torch.tensor([[0.0, 0, 64, 96], [70, 0, 80, 9]])
        )
    data = model.data_preprocessor(data, True)
    with torch.no_grad():
        model.backbone.eval()
        stage = model.backbone(data['inputs'])[2]
    return (stage,), data['data_samples']


def same_proposal_losses(persons, ignored=False, **rules):
    ours, theirs = both('rpn_head', 'RPNHead', rpn=rules)
    x, samples = inputs(ours, persons, ignored)
    losses = ours.rpn_head.loss(x, samples)
    for key, value in theirs.rpn_head.loss(x, samples).items():
        torch.testing.assert_close(losses[key], sum(value))
    return losses


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('persons', PERSONS)
def test_losses_of_the_proposals(persons, ignored):
    same_proposal_losses(persons, ignored)


@pytest.mark.parametrize(
    'rules',
    [
        dict(allowed_border=-1),
        dict(allowed_border=10),
        dict(allowed_border=1000),
        dict(pos_weight=3.0),
        dict(assigner=dict(match_low_quality=False)),
        dict(assigner=dict(min_pos_iou=0.6)),
    ],
    ids=str,
)
def test_rules_of_the_proposals_are_followed(rules):
    changed = same_proposal_losses(PERSONS[0], **rules)
    assert (
        changed['loss_rpn_cls']
        != same_proposal_losses(PERSONS[0])['loss_rpn_cls']
    )


@pytest.mark.parametrize(
    'rules',
    [
        dict(sampler=dict(add_gt_as_proposals=False)),
        dict(
            sampler=dict(add_gt_as_proposals=False),
            assigner=dict(match_low_quality=True, min_pos_iou=0.1),
        ),
        dict(assigner=dict(match_low_quality=True, min_pos_iou=0.1)),
        dict(pos_weight=3.0),
    ],
    ids=str,
)
def test_rules_of_the_rois_are_followed(rules):
    changed = same_roi_losses(PERSONS[0], rcnn=rules)
    plain = same_roi_losses(PERSONS[0])
    assert changed['loss_cls'] != plain['loss_cls']


@pytest.mark.parametrize(
    ('part', 'rules', 'option'),
    [
        ('rcnn', dict(assigner=dict(neg_iou_thr=(0.1, 0.3))), 'neg_iou_thr'),
        (
            'rcnn',
            dict(assigner=dict(match_low_quality=True,
                               gt_max_assign_all=False)),
            'gt_max_assign_all',
        ),
        ('rcnn', dict(sampler=dict(neg_pos_ub=3)), 'neg_pos_ub=3'),
        ('rpn', dict(sampler=dict(neg_pos_ub=3)), 'neg_pos_ub=3'),
        (
            'rpn',
            dict(sampler=dict(add_gt_as_proposals=True)),
            'add_gt_as_proposals',
        ),
    ],
)  # fmt: skip
def test_rules_that_are_not_followed_are_refused(part, rules, option):
    with pytest.raises(UserError, match=option):
        tiny_model(roi=True, train_cfg={part: rules})


@pytest.mark.parametrize('ignored', [False, True])
@pytest.mark.parametrize('persons', PERSONS)
def test_losses_of_the_rois(persons, ignored):
    same_roi_losses(persons, ignored)


def same_roi_losses(persons, ignored=False, **rules):
    ours, theirs = both('roi_head', 'PersonSearchRoIHead', **rules)
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
    if ours.roi_head.bbox_sampler.add_gt_as_proposals:
        assert (ids > IGNORED).sum() >= number
    return losses


def test_no_background_is_drawn_from_ignored_regions():
    ours, _ = both('roi_head', 'PersonSearchRoIHead')
    drawn = {}
    for ignored in (False, True):
        x, samples = inputs(ours, PERSONS[0], ignored)
        _, proposals = ours.rpn_head.loss_and_predict(x, samples)
        rois, _, _, (labels, *_) = ours.roi_head.sample_rois(
            proposals, samples
        )
        inside = (rois[:, 0] == 0) & (rois[:, 3] <= 64) & (labels == 1)
        drawn[ignored] = int(inside.sum())
    assert drawn[False] > 0 and drawn[True] == 0


def test_rois_are_limited():
    model = tiny_model(roi=True).train()
    x, samples = inputs(model, PERSONS[0])
    _, proposals = model.rpn_head.loss_and_predict(x, samples)
    assert isinstance(model.roi_head, BatchedRoIHead)
    rois, ids, _, (labels, *_) = model.roi_head.sample_rois(proposals, samples)
    for image in (0, 1):
        own = rois[:, 0] == image
        assert own.sum() <= 16
        assert (labels[own] == 0).sum() <= 8
    assert ((labels == 0) == (ids > IGNORED)).all()
