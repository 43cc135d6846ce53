"""Whether a pre-training works, before anything is fine-tuned from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from mmdet_ps.structures.boxes import iou_matrix

from ..records import record_of
from ..search.neighbour_scores import neighbour_scores


@METRICS.register_module()
class PretrainMonitor(BaseMetric):
    """Detection recall on held-out scenes, re-ID on held-out crops.

    A source with labelled persons is taken for crops, or mosaics of them:
    every person is searched among all others of the source, which gives
    ``<source>/reid_mAP`` and ``<source>/reid_top1``. In other sources every
    annotated box should overlap a detection, which gives
    ``<source>/recall``. The means over the sources are ``recall``,
    ``reid_mAP`` and ``reid_top1``. Persons without identity (-1), such as the
    distractors of Market-1501, are wrong answers for everybody.

    A person is embedded from its annotated box where the model does that,
    else by the detection that overlaps it most, however unsure it is.

    Args:
        score_thr (float): detections of a lower score do not count for
            recall.
        iou_thr (float): the overlap with which a person counts as found.
        collect_device (str): see mmengine's ``BaseMetric``.
        prefix (str): see mmengine's ``BaseMetric``.
    """

    default_prefix = 'monitor'

    def __init__(
        self,
        score_thr: float = 0.2,
        iou_thr: float = 0.5,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.score_thr = score_thr
        self.iou_thr = iou_thr

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep which persons each image showed and which were found."""
        for data_sample in data_samples:
            record = record_of(data_sample)
            overlaps = iou_matrix(record['gt_bboxes'], record['bboxes'])
            sure = record['scores'] >= self.score_thr
            found = (overlaps[:, sure] >= self.iou_thr).any(axis=1)
            embeddings = record.get('gt_embeddings')
            if embeddings is None:
                embeddings = nearest_embeddings(record, overlaps)
            self.results.append(
                dict(
                    source=data_sample.get('source', 'images'),
                    found=found,
                    person_ids=record['gt_person_ids'],
                    embeddings=embeddings,
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """All figures, in [0, 1]."""
        by_source = defaultdict(list)
        for result in results:
            by_source[result['source']].append(result)
        figures = {}
        for source, images in by_source.items():
            person_ids = np.concatenate([i['person_ids'] for i in images])
            if (person_ids >= 0).any():
                scores = neighbour_scores(
                    np.concatenate([i['embeddings'] for i in images]),
                    person_ids,
                )
                figures[f'{source}/reid_mAP'] = scores['mAP']
                figures[f'{source}/reid_top1'] = scores['top1']
            elif len(person_ids):
                found = np.concatenate([i['found'] for i in images])
                figures[f'{source}/recall'] = float(found.mean())
        for name in ('recall', 'reid_mAP', 'reid_top1'):
            values = [v for k, v in figures.items() if k.endswith('/' + name)]
            if values:
                figures[name] = float(np.mean(values))
        return figures


def nearest_embeddings(record: dict, overlaps: np.ndarray) -> np.ndarray:
    """Read the embeddings of annotated boxes from detections.

    Args:
        record (dict): an image, see ``records.py``.
        overlaps (ndarray): of every annotated box with every detection,
            (M, n) float.

    Returns:
        ndarray: of each annotated box the embedding of the detection that
        overlaps it most, (M, D) float32; zeros if none does.
    """
    embeddings = record['embeddings']
    if not len(embeddings):
        return np.zeros((len(overlaps), embeddings.shape[1]))
    touched = overlaps.max(axis=1) > 0
    return embeddings[overlaps.argmax(axis=1)] * touched[:, None]
