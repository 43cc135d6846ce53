"""From a file of results to rankings that can be drawn."""

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
        results (str | Path | ResultsFile): a dump of ``tools/test.py --out``
            or a legacy pickle.
        data_root (str | Path): folder of the dataset with ``prepared/`` in
            it.
        protocol (str): name of the protocol; by default the first, which is
            the one that papers report.
        top_k (int): places of each list that are kept.
        **options: how to score, as ``resolve`` of ``evaluation/settings.py``
            takes it. What is not said is done as in the run that wrote the
            file.

    Raises:
        UserError: The file is damaged or that of another dataset.
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
