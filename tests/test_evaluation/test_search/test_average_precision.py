"""Average precision against scikit-learn's, and the empty cases."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mmdet_ps.evaluation.search import (
    SearchScores,
    average_precision,
    found_within,
)
from mmdet_ps.evaluation.search.detection_scores import step_precision
from mmdet_ps.structures import Ranking


@pytest.mark.parametrize('levels', [3, 1000])
def test_is_scikit_learns_times_recall(levels):
    rng = np.random.default_rng(levels)
    for _ in range(200):
        count = rng.integers(1, 40)
        truth = rng.random(count) < 0.3
        truth[rng.integers(count)] = True
        similarities = rng.integers(0, levels, count) / levels
        relevant = int(truth.sum() + rng.integers(0, 5))
        expected = average_precision_score(truth, similarities)
        assert step_precision(similarities, truth) == pytest.approx(expected)
        ranking = Ranking.from_list(similarities, truth, relevant)
        assert average_precision(ranking) == pytest.approx(
            expected * truth.sum() / relevant
        )
        order = np.argsort(-similarities, kind='stable')
        for k in (1, 5, 10):
            assert found_within(ranking, k) == truth[order][:k].any()


def test_nothing_found_is_zero_and_nothing_to_find_does_not_count():
    lost = Ranking.from_list([0.5, 0.4], [False, False], 2)
    assert average_precision(lost) == 0 and not found_within(lost, 10)
    empty = Ranking([], [], 0, skipped=True)
    scores = SearchScores.of([lost, empty])
    assert scores.num_skipped == 1 and len(scores.queries) == 1
    assert scores.means()['mAP'] == 0
    assert SearchScores.of([empty]).means()['top1'] == 0


def test_fewer_than_ten_detections_are_enough():
    ranking = Ranking.from_list([0.1], [True], 1)
    assert found_within(ranking, 10) and average_precision(ranking) == 1
