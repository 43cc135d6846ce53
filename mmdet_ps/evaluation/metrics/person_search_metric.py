"""The scores of a test run, inside the framework's loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmdet_ps.structures import (
    RankedQueries,
    Ranking,
    SearchProtocol,
    SearchResults,
    load_protocols,
)

from ..records import record_of
from ..report import FIGURES, describe, format_scores, score_table
from ..results_file import align_records, to_results
from ..search import SearchScores, average_precision, rank, rank_all
from ..search.detection_scores import detection_scores
from ..settings import SearchSettings, resolve


@METRICS.register_module()
class PersonSearchMetric(BaseMetric):
    """Search and detection scores from one pass over the test images.

    The embeddings of the queries come from the same pass: every query box is
    an annotated box of the test set, and models embed annotated boxes where
    they can.

    Args:
        protocol_file (str): the protocols, written by
            ``tools/prepare_data.py``.
        protocols (Sequence[str]): names out of that file, the one to report
            first; by default all. Its scores are ``search/mAP`` and so on,
            those of the others ``search/<protocol>/mAP``.
        preset (str): score as the script of that project, see ``PRESETS`` in
            ``evaluation/settings.py``.
        detection_score_thr (float): detections of a lower score do not count
            for ``detection/AP`` and ``detection/recall``.
        annotated_boxes (bool): also score the first protocol with the
            annotated boxes in place of the detections, as
            ``search/annotated_boxes/mAP`` and so on: what a perfect detector
            would reach with these embeddings. Nothing is added where the
            model embeds no annotated boxes.
        device (str): where similarities are computed; ``cpu``, or what torch
            takes.
        collect_device (str): see mmengine's ``BaseMetric``.
        prefix (str): see mmengine's ``BaseMetric``.
        **settings: fields of ``SearchSettings``, which come before those of
            the preset. Unless ``query_embedding`` is one of them, queries are
            matched with detections where the model embeds no annotated boxes.

    Attributes:
        keep_results (bool): set it, and after an evaluation ``ranked`` holds
            the rankings and ``first_places`` can list them.
        ranked (RankedQueries): the rankings of the first protocol.

    Raises:
        UserError: A preset or a setting does not exist.
    """

    default_prefix = ''  # the figures carry their full names

    def __init__(
        self,
        protocol_file: str,
        protocols: Sequence[str] | None = None,
        preset: str | None = None,
        detection_score_thr: float = 0.01,
        annotated_boxes: bool = False,
        device: str = 'cpu',
        collect_device: str = 'cpu',
        prefix: str | None = None,
        **settings,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.protocol_file = protocol_file
        self.protocol_names = protocols
        self.detection_score_thr = detection_score_thr
        self.annotated_boxes = annotated_boxes
        self.device = device
        self.keep_results = False
        self.ranked: RankedQueries | None = None
        self._kept: Any = None
        self.scoring = dict(preset=preset, settings=settings)
        resolve(self.scoring, 'prw', True)  # what is misspelt fails early

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep the arrays of each image in the memory of the CPU."""
        self.results += [record_of(sample) for sample in data_samples]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """All figures, in [0, 1], under their full names."""
        protocols = load_protocols(self.protocol_file, self.protocol_names)
        records = align_records(results, protocols[0].images, 'the test loop')
        found = to_results(records)
        settings = resolve(
            self.scoring, protocols[0].dataset, found.has_given_boxes
        )
        rankings = rank_all(protocols, found, settings, device=self.device)
        scores = score_table(rankings)
        print_log(
            f'\n{format_scores(scores)}\n{describe(settings, found)}',
            'current',
        )
        main = (list(found.branches)[-1], protocols[0].name)
        if self.keep_results:
            self._kept = protocols[0], found, settings
            self.ranked = RankedQueries(
                rankings[main],
                [average_precision(ranking) for ranking in rankings[main]],
                [record['img_path'] for record in records],
            )
        figures = {}
        for (branch, protocol), values in scores.items():
            parts = ['search']
            if protocol != main[1]:
                parts.append(protocol)
            if branch != main[0]:
                parts.append(branch)
            figures.update(
                {
                    '/'.join([*parts, key]): values.means()[key]
                    for key in FIGURES
                }
            )
        if self.annotated_boxes and found.has_given_boxes:
            figures.update(
                self._annotated_figures(protocols[0], found, settings)
            )
        if found.given is not None:
            figures.update(
                {
                    f'detection/{key}': value
                    for key, value in detection_scores(
                        found.detections, found.given, self.detection_score_thr
                    ).items()
                }
            )
        return figures

    def _annotated_figures(
        self,
        protocol: SearchProtocol,
        found: SearchResults,
        settings: SearchSettings,
    ) -> dict[str, float]:
        """The figures of a detector that finds the annotated boxes."""
        rankings = rank(
            protocol,
            found,
            replace(settings, gt_boxes=True),
            top_k=0,
            device=self.device,
        )
        means = SearchScores.of(rankings).means()
        return {f'search/annotated_boxes/{key}': means[key] for key in FIGURES}

    def first_places(
        self, queries: Sequence[int], top_k: int
    ) -> list[Ranking]:
        """Rank some queries of ``ranked`` again, with their first places.

        Keeping such lists for every query and protocol would cost more than
        the scores do.

        Args:
            queries (Sequence[int]): their numbers.
            top_k (int): how many places are kept.
        """
        protocol, found, settings = self._kept
        return rank(
            protocol.subset(queries, protocol.name),
            found,
            settings,
            top_k,
            device=self.device,
        )

    def forget(self) -> None:
        """Free the results that ``keep_results`` has kept."""
        self.ranked = self._kept = None
