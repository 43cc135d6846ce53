import tracemalloc

import numpy as np
import pytest
import torch

from mmdet_ps.evaluation.metrics import PretrainMonitor
from mmdet_ps.evaluation.search.neighbour_scores import neighbour_scores


def test_each_row_is_searched_among_the_others():
    angles = np.radians([0, 10, 100, 15])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    scores = neighbour_scores(embeddings * 3, np.array([1, 2, 1, -1]))
    # Person 1 at 0 degrees: neighbours at 10, 15, 100: found third. From 100
    # degrees: 15, 10, 0: found third. Person 2 is alone, -1 is no query.
    assert scores == dict(mAP=pytest.approx(1 / 3), top1=0.0)


def slow_scores(embeddings, person_ids):
    """Plain loops over pairs, in float64."""
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    precisions, firsts = [], []
    for row, person in enumerate(person_ids):
        others = [k for k in range(len(units)) if k != row]
        same = [k for k in others if person_ids[k] == person]
        if person < 0 or not same:
            continue
        alike = {k: float(units[row] @ units[k]) for k in others}
        found = []
        for hit in same:
            above = [k for k in others if alike[k] >= alike[hit]]
            found.append(np.mean([person_ids[k] == person for k in above]))
        precisions.append(np.mean(found))
        firsts.append(person_ids[max(others, key=alike.get)] == person)
    return np.mean(precisions), np.mean(firsts)


@pytest.mark.parametrize('block_bytes', [1, 4 * 60 * 7, 64 << 20])
@pytest.mark.parametrize('ties', [False, True])
def test_blocks_give_what_plain_loops_give(block_bytes, ties):
    rng = np.random.default_rng(0)
    person_ids = rng.integers(-1, 12, 60)
    embeddings = rng.random((60, 4))
    if ties:
        embeddings = np.eye(4)[rng.integers(0, 4, 60)]
    scores = neighbour_scores(embeddings, person_ids, block_bytes)
    expected = slow_scores(embeddings, person_ids)
    assert (scores['mAP'], scores['top1']) == pytest.approx(expected)


def test_memory_does_not_grow_with_the_square_of_the_rows():
    rng = np.random.default_rng(0)
    rows, block_bytes = 4000, 1 << 20
    embeddings = rng.random((rows, 8), np.float32)
    person_ids = rng.integers(0, 400, rows)
    tracemalloc.start()
    neighbour_scores(embeddings, person_ids, block_bytes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All similarities at once would take 64 MB.
    assert peak < 4 * block_bytes


def test_equal_embeddings_tell_nobody_apart():
    # All 39 others are one step, and 7 of them are right.
    person_ids = np.repeat(np.arange(5), 8)
    scores = neighbour_scores(np.ones((40, 3)), person_ids)
    assert scores['mAP'] == pytest.approx(7 / 39)


def test_nobody_to_find_gives_zero():
    rows = np.ones((2, 3))
    assert neighbour_scores(rows, np.array([0, 1])) == dict(mAP=0.0, top1=0.0)
    empty = neighbour_scores(np.zeros((0, 3)), np.zeros(0, int))
    assert empty == dict(mAP=0.0, top1=0.0)


def sample(source, boxes, person_ids, detections, scores, embeddings,
           given=None):  # fmt: skip
    gt = dict(
        bboxes=torch.tensor(boxes, dtype=torch.float).view(-1, 4),
        person_ids=torch.tensor(person_ids, dtype=torch.long),
    )
    if given is not None:
        gt['embeddings'] = torch.tensor(given)
    return dict(
        source=source,
        gt_instances=gt,
        pred_instances=dict(
            bboxes=torch.tensor(detections, dtype=torch.float).view(-1, 4),
            scores=torch.tensor(scores, dtype=torch.float),
            embeddings=torch.tensor(embeddings).view(-1, 2),
        ),
    )


def evaluate(*samples):
    metric = PretrainMonitor()
    metric.process(None, samples)
    return metric.evaluate(len(samples))


LEFT, RIGHT = [0, 0, 10, 20], [30, 0, 40, 20]


def test_recall_counts_boxes_with_a_sure_detection():
    figures = evaluate(
        sample('street', [LEFT, RIGHT], [-1, -1], [LEFT, RIGHT], [0.9, 0.1],
               [[1.0, 0.0]] * 2),
        sample('street', [LEFT], [-1], [], [], []),
        sample('square', [LEFT], [-1], [[0, 0, 10, 18]], [0.5],
               [[1.0, 0.0]]),
        sample('square', [], [], [], [], []),
    )  # fmt: skip
    assert figures['monitor/street/recall'] == pytest.approx(1 / 3)
    assert figures['monitor/square/recall'] == 1.0
    assert figures['monitor/recall'] == pytest.approx(2 / 3)
    assert 'monitor/reid_mAP' not in figures


def test_persons_are_embedded_by_their_detections():
    east, north = [1.0, 0.0], [0.0, 1.0]
    figures = evaluate(
        sample('crops', [LEFT, RIGHT], [4, 5], [RIGHT, LEFT], [0.9, 0.9],
               [north, east]),
        sample('crops', [LEFT, RIGHT], [4, 5], [LEFT, RIGHT], [0.9, 0.9],
               [east, north]),
    )  # fmt: skip
    assert figures['monitor/crops/reid_mAP'] == 1.0
    assert figures['monitor/reid_top1'] == 1.0


def test_embeddings_of_given_boxes_come_first():
    east, north = [1.0, 0.0], [0.0, 1.0]
    wrong = [[LEFT], [0.9], [north]]
    figures = evaluate(
        sample('crops', [LEFT], [4], *wrong, given=[east]),
        sample('crops', [LEFT], [4], [], [], [], given=[east]),
        sample('crops', [LEFT], [5], *wrong, given=[north]),
    )
    assert figures['monitor/reid_mAP'] == 1.0
