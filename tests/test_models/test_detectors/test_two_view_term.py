"""Which persons of two views are compared, and what is erased of them."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from mmdet_ps.models.detectors.two_view_term import (
    TwoViewTerm,
    erase_in_boxes,
    kept_running_statistics,
    matched_persons,
)


def view(picture, numbers, boxes=None):
    if boxes is None:
        boxes = torch.zeros(len(numbers), 4)
    return DetDataSample(
        metainfo=dict(picture=picture, batch_input_shape=(32, 64)),
        gt_instances=InstanceData(
            bboxes=torch.as_tensor(boxes, dtype=torch.float),
            annotation_indices=torch.tensor(numbers, dtype=torch.long),
        ),
    )


def test_persons_are_matched_by_picture_and_number():
    views = [view(0, [0, 1, 2]), view(4, [1, 0]), view(0, [2, 0]),
             view(4, [0, 3])]  # fmt: skip
    # Rows: 0 1 2 | 3 4 | 5 6 | 7 8. Person 1 of picture 0 and 1 and 3 of
    # picture 4 are in one view alone.
    first, second = matched_persons(views)
    assert sorted(zip(first.tolist(), second.tolist())) == [
        (0, 6), (2, 5), (4, 7)
    ]  # fmt: skip


def test_nobody_and_single_views_match_nothing():
    for views in ([view(0, []), view(0, [])], [view(0, [0]), view(1, [0])]):
        first, second = matched_persons(views)
        assert len(first) == len(second) == 0


def test_pictures_seen_once_say_what_the_pipeline_lacks():
    sample = view(0, [0])
    del sample.gt_instances.annotation_indices
    with pytest.raises(ValueError, match='BranchViews'):
        matched_persons([sample])


class Means(nn.Module):
    """Embeds a person by the mean of the map at its box's centre."""

    def annotated_embeddings(self, maps, data_samples):
        rows = []
        for image, sample in zip(maps['backbone'], data_samples):
            x = sample.gt_instances.bboxes[:, [0, 2]].mean(1) / 8
            y = sample.gt_instances.bboxes[:, [1, 3]].mean(1) / 8
            rows.append(image[:, y.long(), x.long()].t())
        return dict(point=torch.cat(rows))


def test_the_term_compares_the_matched_rows():
    torch.manual_seed(0)
    term = TwoViewTerm(dict(point=6), weight=2.0)
    boxes = [[0, 0, 16, 16], [24, 8, 56, 24]]
    views = [view(0, [0, 1], boxes), view(0, [1], boxes[1:])]
    maps = torch.randn(2, 6, 4, 8)
    results = term(Means(), dict(backbone=maps), views)
    first, second = maps[0, :, 2, 5], maps[1, :, 2, 5]
    expected, _ = term.losses['point'](first[None], second[None])
    torch.testing.assert_close(results['point_two_view_loss'], expected)
    assert 'point_two_view_spread' not in results  # of one person


def test_erasing_stays_inside_the_boxes_and_within_the_area():
    torch.manual_seed(0)
    box = [16, 4, 48, 28]  # 32 x 24 of 64 x 32 pixels
    ones = torch.ones(1, 2, 32, 64)
    shares = []
    for _ in range(200):
        erased = erase_in_boxes(
            dict(backbone=ones), [view(0, [0], [box])], probability=1.0
        )['backbone']
        zeros = erased[0, 0] == 0
        inside = torch.zeros_like(zeros)
        inside[4:28, 16:48] = True
        assert not (zeros & ~inside).any()
        shares.append(zeros.sum().item() / (32 * 24))
    assert min(shares) > 0.005 and max(shares) < 0.36  # rounded to pixels
    assert 0.12 < sum(shares) / len(shares) < 0.20


@pytest.mark.parametrize('probability', [0.0, 1.0])
def test_erasing_is_as_likely_as_said_on_every_map(probability):
    maps = dict(
        backbone=torch.ones(2, 3, 8, 16), neck=(torch.ones(2, 3, 16, 32),)
    )
    views = [view(0, [0], [[0, 0, 64, 32]]), view(0, [])]
    erased = erase_in_boxes(maps, views, probability=probability)
    for level in (erased['backbone'], erased['neck'][0]):
        assert (level[0] == 0).any() == bool(probability)
        assert (level[1] == 1).all()
    assert (maps['backbone'] == 1).all()


def test_running_statistics_stay():
    norm = nn.BatchNorm1d(3)
    with kept_running_statistics(nn.Sequential(norm)):
        norm(torch.randn(8, 3) + 5)
    assert norm.running_mean.abs().max() == 0
    assert norm.momentum == 0.1
    norm(torch.randn(8, 3) + 5)
    assert norm.running_mean.min() > 0
