from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmdet.registry import HOOKS
from mmengine.registry import init_default_scope
from mmengine.visualization import Visualizer

from mmdet_ps.structures import RankedQueries, Ranking
from mmdet_ps.visualization.ranking_visualizer import RankingVisualizer

BOX = np.array([5, 5, 20, 40])


def ranking(query, num_relevant=1):
    return Ranking(
        np.zeros(0, int),
        np.zeros(0, int),
        num_relevant,
        query=query,
        query_image=0,
        query_bbox=BOX,
    )


class Metric:
    """Stands for a metric that keeps its rankings."""

    def __init__(self, image):
        self.keep_results = False
        self.ranked = None
        self.image = image

    def evaluate(self):
        if self.keep_results:
            self.ranked = RankedQueries(
                [ranking(q) for q in range(4)], [0.2, 0.9, 0.0, 0.5],
                [self.image],
            )  # fmt: skip

    def first_places(self, queries, top_k):
        self.asked = queries
        return [ranking(query) for query in queries]

    def forget(self):
        self.ranked = None


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet')


@pytest.fixture
def runner(tmp_path):
    image = tmp_path / 'scene.png'
    cv2.imwrite(str(image), np.zeros((60, 80, 3), np.uint8))
    evaluator = SimpleNamespace(metrics=[object(), Metric(str(image))])
    return SimpleNamespace(
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        visualizer=RankingVisualizer(
            vis_backends=[dict(type='LocalVisBackend')],
            save_dir=str(tmp_path / 'run'),
        ),
        work_dir=str(tmp_path / 'run'),
        iter=30,
    )


def build(**options):
    return HOOKS.build(
        dict(
            type='RankingVisualizationHook',
            num_best=1,
            num_worst=2,
            num_random=1,
            **options,
        )
    )


def test_best_worst_and_random_queries_reach_the_visualizer(runner, tmp_path):
    hook, metric = build(), runner.val_evaluator.metrics[1]
    hook.before_val_epoch(runner)
    metric.evaluate()
    hook.after_val_epoch(runner, {})
    assert metric.asked[:3] == [1, 2, 0], 'best, then the two worst'
    assert metric.ranked is None, 'memory is given back'
    names = {p.name for p in (tmp_path / 'run').rglob('*.png')}
    assert names == {
        'ranking_best_0_30.png',
        'ranking_worst_0_30.png',
        'ranking_worst_1_30.png',
        'ranking_random_0_30.png',
    }


def test_pictures_go_to_a_folder_where_asked(runner, tmp_path):
    hook = build(out_dir='rankings')
    hook.before_test_epoch(runner)
    runner.test_evaluator.metrics[1].evaluate()
    hook.after_test_epoch(runner, {})
    assert len(list((tmp_path / 'run/rankings').glob('*.jpg'))) == 4


def test_another_visualizer_or_no_ranking_is_left_alone(runner):
    hook = build()
    hook.after_val_epoch(runner, {})
    runner.visualizer = Visualizer.get_instance('plain')
    hook.before_val_epoch(runner)
    runner.val_evaluator.metrics[1].evaluate()
    hook.after_val_epoch(runner, {})
