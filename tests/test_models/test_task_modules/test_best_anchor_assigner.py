import torch
from mmengine.structures import InstanceData

from mmdet_ps.models.task_modules import BestAnchorAssigner


def slow_reference(overlaps, high=0.75, low=0.25):
    """Assignment of torchvision's matcher in plain loops."""
    persons, anchors = overlaps.shape
    best = [max(overlaps[p].tolist()) for p in range(persons)]
    assigned = []
    for a in range(anchors):
        column = overlaps[:, a].tolist()
        top = max(column)
        forced = any(v == best[p] for p, v in enumerate(column))
        if forced or top >= high:
            assigned.append(column.index(top) + 1)
        else:
            assigned.append(0 if top < low else -1)
    return assigned


def test_agrees_with_a_slow_reference():
    generator = torch.Generator().manual_seed(0)
    # Coarse values make ties common.
    overlaps = torch.randint(1, 9, (4, 60), generator=generator) / 8
    result = BestAnchorAssigner(0.75, 0.25).assign_wrt_overlaps(
        overlaps, torch.zeros(4, dtype=torch.long)
    )
    assert result.gt_inds.tolist() == slow_reference(overlaps)
    positive = result.gt_inds > 0
    assert (result.labels[positive] == 0).all()
    assert (result.labels[~positive] == -1).all()


def test_without_persons_every_anchor_is_background():
    priors = InstanceData(priors=torch.tensor([[0.0, 0, 10, 10]]))
    gt = InstanceData(
        bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
    )
    result = BestAnchorAssigner(0.7, 0.3).assign(priors, gt)
    assert result.gt_inds.tolist() == [0]


def test_a_person_no_anchor_touches_forces_nothing():
    result = BestAnchorAssigner(0.7, 0.3).assign_wrt_overlaps(
        torch.zeros(1, 5), torch.zeros(1, dtype=torch.long)
    )
    assert result.gt_inds.tolist() == [0] * 5
