"""mmcv.ops.nms, batched_nms, soft_nms and nms_match on our operators."""

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match, soft_nms

import mmdet_ps  # noqa: F401  supplies the operators


def random_boxes(seed, count=40):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 40
    size = torch.rand(count, 2, generator=generator) * 30
    boxes = torch.cat((corner, corner + size), 1)
    return boxes, torch.rand(count, generator=generator)


def iou(a, b, offset=0):
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    inter = max(width, 0) * max(height, 0)
    areas = [
        (box[2] - box[0] + offset) * (box[3] - box[1] + offset)
        for box in (a, b)
    ]
    return inter / (sum(areas) - inter)


def slow_nms(boxes, scores, threshold, offset=0):
    order = sorted(range(len(boxes)), key=lambda i: -scores[i])
    kept = []
    for i in order:
        if all(iou(boxes[i], boxes[k], offset) <= threshold for k in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('seed', range(3))
def test_nms_keeps_what_loops_keep(seed, offset):
    boxes, scores = random_boxes(seed)
    dets, kept = nms(boxes, scores, 0.3, offset=offset)
    expected = slow_nms(boxes.tolist(), scores.tolist(), 0.3, offset)
    assert kept.tolist() == expected
    torch.testing.assert_close(dets[:, :4], boxes[kept])
    torch.testing.assert_close(dets[:, 4], scores[kept])


def test_nms_leaves_its_input_alone_and_takes_half_precision():
    boxes, scores = random_boxes(0)
    before = boxes.clone()
    _, kept = nms(boxes, scores, 0.5, offset=1)
    assert torch.equal(boxes, before)
    _, low = nms(boxes.half(), scores.half(), 0.5, offset=1)
    assert abs(len(low) - len(kept)) <= 2


def test_nms_of_numpy_with_score_threshold_and_limit():
    boxes, scores = random_boxes(1)
    dets, kept = nms(
        boxes.numpy(), scores.numpy(), 0.3, score_threshold=0.5, max_num=4
    )
    assert isinstance(kept, np.ndarray)
    assert len(kept) == 4
    assert (dets[:, 4] > 0.5).all()


def test_boxes_of_different_classes_do_not_suppress_each_other():
    boxes, scores = random_boxes(2)
    labels = torch.arange(len(boxes)) % 2
    _, kept = batched_nms(
        boxes, scores, labels, dict(type='nms', iou_threshold=0.3)
    )
    expected = set()
    for label in (0, 1):
        index = (labels == label).nonzero()[:, 0]
        those = slow_nms(boxes[index].tolist(), scores[index].tolist(), 0.3)
        expected |= set(index[those].tolist())
    assert set(kept.tolist()) == expected


@pytest.mark.parametrize('operator', [nms, soft_nms])
def test_no_boxes(operator):
    dets, kept = operator(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert dets.shape == (0, 5)
    assert kept.shape == (0,)


def slow_soft_nms(boxes, scores, threshold, sigma, min_score, method):
    scores, left, kept = list(scores), list(range(len(boxes))), []
    while left:
        best = max(left, key=lambda i: scores[i])
        left.remove(best)
        kept.append((best, scores[best]))
        for i in left:
            overlap = iou(boxes[best], boxes[i])
            if method == 'gaussian':
                scores[i] *= np.exp(-(overlap**2) / sigma)
            elif overlap >= threshold:
                scores[i] *= 1 - overlap if method == 'linear' else 0
        left = [i for i in left if scores[i] >= min_score]
    return kept


@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_lowers_scores_as_loops_do(method):
    boxes, scores = random_boxes(3)
    dets, kept = soft_nms(
        boxes, scores, 0.3, sigma=0.5, min_score=0.05, method=method
    )
    expected = slow_soft_nms(
        boxes.tolist(), scores.tolist(), 0.3, 0.5, 0.05, method
    )
    assert kept.tolist() == [index for index, _ in expected]
    np.testing.assert_allclose(
        dets[:, 4], [score for _, score in expected], rtol=1e-5
    )
    torch.testing.assert_close(dets[:, :4], boxes[kept])


def test_nms_match_groups_a_box_with_those_it_suppresses():
    boxes = [[0, 0, 10, 10, 0.5], [50, 0, 60, 10, 0.9], [0, 1, 10, 11, 0.8]]
    groups = nms_match(torch.tensor(boxes), 0.5)
    assert [group.tolist() for group in groups] == [[1], [2, 0]]
