"""Ranking pictures after validation and testing."""

from collections.abc import Iterable
from pathlib import Path

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...structures import RankedQueries
from ...visualization.ranking_visualizer import RankingVisualizer


@HOOKS.register_module()
class RankingVisualizationHook(Hook):
    """Draws the best, the worst and some random queries of an evaluation.

    The pictures go to the backends of the runner's visualizer (files under
    ``vis_data``, TensorBoard, ...), which has to be a ``RankingVisualizer``.
    The rankings come from the metric that keeps them as ``ranked``
    (``PersonSearchMetric``).

    Args:
        num_best: Queries of the highest average precision.
        num_worst: Queries of the lowest.
        num_random: Queries drawn at random, the same ones every time.
        seed: Seed of the drawing.
        out_dir: Folder (in the work directory) of JPEG files to write
            instead of handing the pictures to the backends.
    """

    priority = 'LOW'

    def __init__(
        self,
        num_best: int = 3,
        num_worst: int = 3,
        num_random: int = 3,
        seed: int = 0,
        out_dir: str | None = None,
    ):
        self.num_best = num_best
        self.num_worst = num_worst
        self.num_random = num_random
        self.seed = seed
        self.out_dir = out_dir

    def before_val_epoch(self, runner: Runner) -> None:
        """Have the validation keep what pictures need."""
        _keep_results(runner.val_evaluator.metrics)

    def before_test_epoch(self, runner: Runner) -> None:
        """Have the test keep what pictures need."""
        _keep_results(runner.test_evaluator.metrics)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None):
        """Draw what the validation ranked."""
        self._draw(runner, runner.val_evaluator.metrics)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None):
        """Draw what the test ranked."""
        self._draw(runner, runner.test_evaluator.metrics)

    def choose(self, ranked: RankedQueries) -> dict[str, int]:
        """Choose the queries to draw, by the names of their pictures."""
        chosen = {
            'best': ranked.best(self.num_best),
            'worst': ranked.worst(self.num_worst),
            'random': ranked.sample(self.num_random, self.seed),
        }
        return {
            f'ranking_{kind}_{i}': query
            for kind, queries in chosen.items()
            for i, query in enumerate(queries)
        }

    def _draw(self, runner: Runner, metrics: Iterable) -> None:
        # Only the main process scores, so that only it has rankings.
        metric = next((m for m in metrics if getattr(m, 'ranked', None)), None)
        visualizer = runner.visualizer
        if metric is None or not isinstance(visualizer, RankingVisualizer):
            return
        ranked, chosen = metric.ranked, self.choose(metric.ranked)
        top_k = visualizer.look.top_k
        rankings = metric.first_places(list(chosen.values()), top_k)
        for (name, query), ranking in zip(chosen.items(), rankings):
            out_file = None
            if self.out_dir is not None:
                folder = Path(runner.work_dir) / self.out_dir
                out_file = folder / f'{name}.jpg'
            visualizer.add_ranking(
                name,
                ranking,
                ranked.image_paths,
                ranked.title(query),
                step=runner.iter,
                out_file=out_file,
            )
        metric.forget()


def _keep_results(metrics: Iterable) -> None:
    for metric in metrics:
        if hasattr(metric, 'keep_results'):
            metric.keep_results = True
