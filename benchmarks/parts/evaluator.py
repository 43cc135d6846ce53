"""The search evaluator on problems of published size."""

from __future__ import annotations

from functools import partial

import numpy as np
from evaluation import PROBLEMS, protocol_of, simulate

from mmdet_ps.evaluation.search import SearchScores, rank_all
from mmdet_ps.evaluation.settings import SearchSettings
from mmdet_ps.structures import SearchResults

from .case import Case, Setting


def tenth(rng):
    """A tenth of PRW."""
    people, image_of, ids = simulate(rng, 611, 3500, 45, 1634, 2.5)
    queries = rng.choice(np.flatnonzero(ids >= 0), 205, replace=False)
    return people, [protocol_of(people, image_of, ids, queries)]


def make(name: str, setting: Setting) -> Case:
    problem = tenth if setting.quick else PROBLEMS[name]
    people, protocols = problem(np.random.default_rng(0))
    results = SearchResults(people)
    settings = SearchSettings(
        score_thr=0.0, query_embedding='matched-detection'
    )

    def score() -> None:
        table = rank_all(protocols, results, settings, device=setting.device)
        for found in table.values():
            SearchScores.of(found).means()

    return Case(score)


CASES = {name: partial(make, name) for name in ('prw', 'cuhk-sysu', 'million')}
