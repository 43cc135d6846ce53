import pytest
import torch

from mmdet_ps.models.dense_heads import logit_ranked_rpn_head
from tests.test_models.two_stage import build, model_config


@pytest.fixture(scope='module')
def head():
    return build(model_config('oim_r18-c4')).rpn_head.eval()


def proposals(head, logits, deltas=None, **cfg):
    """Proposals of logits (A, H, W) on an image of 64 x 64 pixels."""
    if deltas is None:
        deltas = torch.zeros(4 * logits.size(0), *logits.shape[1:])
    cfg = type(head.test_cfg)({**head.test_cfg, **cfg})
    return head.predict_by_feat(
        [logits[None]],
        [deltas[None]],
        batch_img_metas=[dict(img_shape=(64, 64))],
        cfg=cfg,
    )[0]


def test_logits_rank_where_the_sigmoid_is_one(head):
    logits = torch.full((5, 8, 8), -50.0)
    logits[0, 4, 4], logits[0, 3, 3], logits[0, 5, 2] = 40, 60, 50
    found = proposals(head, logits, max_per_img=3)
    assert found.scores.tolist() == [1, 1, 1]
    centers = (found.bboxes[:, :2] + found.bboxes[:, 2:]) / 2
    # Cells are 8 pixels apart; (row, column) above is (y, x) here.
    assert centers.tolist() == [[24, 24], [16, 40], [32, 32]]


def test_as_many_as_asked_for(head):
    logits = torch.randn(5, 8, 8)
    assert len(proposals(head, logits, max_per_img=7)) == 7


def shrunk(logits):
    """Deltas that leave no width or height."""
    deltas = torch.zeros(4 * logits.size(0), *logits.shape[1:])
    deltas[2::4] = deltas[3::4] = -1e4
    return deltas


def test_empty_boxes_stay_unless_a_side_is_asked_for(head):
    logits = torch.randn(5, 8, 8)
    found = proposals(head, logits, shrunk(logits), max_per_img=20)
    assert len(found) == 20  # and none suppresses another
    found = proposals(head, logits, shrunk(logits), min_bbox_size=1e-3)
    assert found.bboxes.shape == (0, 4)
    assert found.scores.shape == found.labels.shape == (0,)


def test_images_of_a_batch_lose_their_own_boxes(head):
    logits = torch.randn(3, 5, 8, 8)
    deltas = torch.zeros(3, 20, 8, 8)
    deltas[1] = shrunk(logits[1])  # all boxes of an image, and some
    deltas[2, 2:4] = -1e4
    cfg = type(head.test_cfg)({**head.test_cfg, 'min_bbox_size': 1e-3})
    together = head.predict_by_feat(
        [logits],
        [deltas],
        batch_img_metas=[dict(img_shape=(64, 64))] * 3,
        cfg=cfg,
    )
    numbers = []
    for k, found in enumerate(together):
        alone = proposals(head, logits[k], deltas[k], min_bbox_size=1e-3)
        assert torch.equal(found.bboxes, alone.bboxes)
        assert torch.equal(found.scores, alone.scores)
        numbers.append(len(found))
    assert numbers[1] == 0 < min(numbers[0], numbers[2])


@pytest.mark.parametrize(
    'spread, expected', [(1, [200, 400, 800, 1000]), (200, [200])]
)
def test_few_boxes_are_compared_and_the_same_are_kept(
    spread, expected, monkeypatch
):
    generator = torch.Generator().manual_seed(spread)
    corners = spread * torch.rand(1000, 2, generator=generator)
    boxes = torch.cat([corners, corners + 10], dim=1)
    # Many are equally good: their order stays.
    logits = torch.arange(1000).div(-3, rounding_mode='floor')
    sizes = []

    def counted(bboxes, *args):
        sizes.append(len(bboxes))
        return nms(bboxes, *args)

    nms = logit_ranked_rpn_head.nms
    monkeypatch.setattr(logit_ranked_rpn_head, 'nms', counted)
    args = boxes, logits.float(), 0.5
    _, every = nms(*args)
    found = logit_ranked_rpn_head.best_apart(*args, 50)
    assert torch.equal(found, every[:50])
    assert sizes == expected
