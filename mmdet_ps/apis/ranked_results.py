"""A file of results as rankings, with the files of the images at hand."""

from pathlib import Path

import numpy as np

from mmdet_ps.utils.errors import UserError

from ..datasets.annotation_file import load_annotations
from ..evaluation.results_file import ResultsFile, load_results
from ..evaluation.search import average_precision, rank
from ..structures import RankedQueries, load_protocols


def rank_results(
    results: str | Path | ResultsFile,
    data_root: str | Path,
    protocol: str | None = None,
    top_k: int = 10,
    **options,
) -> RankedQueries:
    """Rank the queries of a prepared dataset by a result file.

    Args:
        results: Dump of ``tools/test.py --out`` or a legacy pickle.
        data_root: Dataset folder with ``prepared/`` in it.
        protocol: Name; by default the first, the one papers report.
        top_k: Places of each list that are kept.
        **options: How to score, as ``resolve`` of ``evaluation.settings``
            takes it; what is not said is done as in the run of the file.
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
        results.settings(chosen.dataset or None, **options),
        top_k,
    )
    _, images = load_annotations(str(prepared / 'test.json'))
    if len(images) != len(chosen.images):
        raise UserError(
            f'{prepared}: test.json names {len(images)} images, '
            f'protocol.npz {len(chosen.images)}: write both again with '
            'tools/prepare_data.py'
        )
    return RankedQueries(
        rankings,
        np.array([average_precision(ranking) for ranking in rankings]),
        [str(Path(data_root) / image['img_path']) for image in images],
    )
