import pytest
import torch
from mmengine.structures import InstanceData

from mmdet_ps.models.task_modules import BestAnchorAssigner, PersonAssigner

PERSON = [0.0, 0, 10, 20]
IGNORED = [20.0, 0, 40, 20]
BOXES = [
    [0.0, 0, 10, 19],  # the person
    [60.0, 0, 70, 20],  # background
    [22.0, 0, 32, 20],  # inside the region
    [35.0, 0, 45, 20],  # half of it inside
    [34.0, 0, 44, 20],  # a little more than half
]


def assign(kind, ignored, persons=(PERSON,)):
    return kind(pos_iou_thr=0.5, neg_iou_thr=0.3).assign(
        InstanceData(priors=torch.tensor(BOXES)),
        InstanceData(
            bboxes=torch.tensor(persons).reshape(-1, 4),
            labels=torch.zeros(len(persons), dtype=torch.long),
        ),
        InstanceData(bboxes=torch.tensor(ignored).reshape(-1, 4)),
    )


@pytest.mark.parametrize('kind', [PersonAssigner, BestAnchorAssigner])
def test_background_in_ignored_regions_is_not_trained_on(kind):
    assert assign(kind, []).gt_inds.tolist() == [1, 0, 0, 0, 0]
    assert assign(kind, [IGNORED]).gt_inds.tolist() == [1, 0, -1, 0, -1]
    nobody = assign(kind, [IGNORED], persons=[])
    assert nobody.gt_inds.tolist() == [0, 0, -1, 0, -1]


def test_a_person_in_an_ignored_region_stays():
    crowd = [0.0, 0, 100, 100]
    assert assign(PersonAssigner, [crowd]).gt_inds.tolist() == [1, *[-1] * 4]
