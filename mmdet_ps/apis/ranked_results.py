"""A file of results as rankings, with the files of the images at hand."""

from pathlib import Path

import numpy as np

from ..datasets.annotation_file import load_annotations
from ..evaluation.results_file import ResultsFile, load_results
from ..evaluation.search import average_precision, rank
from ..evaluation.settings import SearchSettings, preset_settings
from ..structures import RankedQueries, load_protocols

# Scores of dense detectors are class probability times centerness.
SCORE_THR = 0.15


def rank_results(
    results: str | Path | ResultsFile,
    data_root: str | Path,
    protocol: str | None = None,
    settings: SearchSettings | None = None,
    top_k: int = 10,
) -> RankedQueries:
    """Rank the queries of a prepared dataset by a result file.

    Args:
        results: Dump of ``tools/test.py --out`` or a legacy pickle.
        data_root: Dataset folder with ``prepared/`` in it.
        protocol: Name; by default the first, the one papers report.
        settings: How to score; by default what the file recommends.
        top_k: Places of each list that are kept.
    """
    if not isinstance(results, ResultsFile):
        results = load_results(results)
    prepared = Path(data_root) / 'prepared'
    chosen = load_protocols(
        prepared / 'protocol.npz', None if protocol is None else [protocol]
    )[0]
    rankings = rank(
        chosen,
        results.align(chosen.images),
        settings or recommended_settings(results),
        top_k,
    )
    _, images = load_annotations(str(prepared / 'test.json'))
    if len(images) != len(chosen.images):
        raise ValueError(
            f'{prepared}: test.json names {len(images)} images, '
            f'protocol.npz {len(chosen.images)}: write both again with '
            'tools/prepare_data.py'
        )
    return RankedQueries(
        rankings,
        np.array([average_precision(ranking) for ranking in rankings]),
        [str(Path(data_root) / image['img_path']) for image in images],
    )


def recommended_settings(results: ResultsFile) -> SearchSettings:
    """How the run that wrote a file was scored.

    A file that does not say so is scored with a threshold that suits dense
    detectors. Without embeddings of given boxes, as in legacy files, queries
    are matched with detections.
    """
    header = results.header
    if 'settings' in header:
        settings = preset_settings(
            header.get('preset'), header.get('dataset', '')
        )
    else:
        settings = SearchSettings(score_thr=SCORE_THR)
    settings = settings.with_options(**header.get('settings', {}))
    if not any('gt_embeddings' in record for record in results.records):
        settings = settings.with_options(query_embedding='matched-detection')
    return settings
