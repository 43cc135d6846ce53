"""The fast search against plain loops, on thousands of random problems."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmdet_ps.evaluation.search import (
    average_precision,
    found_within,
    rank,
    rank_all,
    search_ranking,
)
from mmdet_ps.evaluation.settings import CHOICES, SearchSettings

from .. import slow_search
from ..random_world import random_world

THOROUGH = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
OPTIONS = st.fixed_dictionaries(
    {
        'score_thr': st.sampled_from([0.0, 0.25, 0.5, 0.7]),
        'confidence_weighted': st.booleans(),
        'gt_boxes': st.sampled_from([False, False, False, True]),
        **{
            key: st.sampled_from(CHOICES[key])
            for key in (
                'query_embedding',
                'duplicates',
                'iou_rule',
                'rounding',
                'count_relevant',
                'missing_query',
                'ties',
            )
        },
    }
)


def figures(ranking):
    if ranking.skipped:
        return None
    return (
        average_precision(ranking),
        *(int(found_within(ranking, k)) for k in (1, 5, 10)),
    )


def compare(protocol, results, chosen):
    rankings = rank(protocol, results, chosen, top_k=0)
    if chosen.gt_boxes:
        results = type(results)(results.given, results.given)
    for query, ranking in enumerate(rankings):
        expected = slow_search.search(protocol, query, results, chosen)
        got = figures(ranking)
        assert (got is None) == (expected is None)
        if got is not None:
            assert got == pytest.approx(expected, abs=1e-9), query


@THOROUGH
@given(st.integers(0, 2**32 - 1), OPTIONS)
def test_equals_plain_loops_where_similarities_tie(seed, options):
    compare(*random_world(seed, exact=True), SearchSettings(**options))


@THOROUGH
@given(st.integers(0, 2**32 - 1), OPTIONS)
def test_equals_plain_loops_where_they_differ(seed, options):
    compare(*random_world(seed, exact=False), SearchSettings(**options))


@settings(THOROUGH, max_examples=300)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sampled_from(CHOICES['cbgm_form']),
)
def test_graph_matching_equals_brute_force(seed, k1, k2, form):
    chosen = SearchSettings(
        query_embedding='matched-detection',
        cbgm=(k1, k2),
        cbgm_form=form,
        score_thr=0.3,
    )
    compare(*random_world(seed, exact=False), chosen)


@settings(THOROUGH, max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_kept_list_agrees_with_the_ranks(seed, top_k):
    protocol, results = random_world(seed, exact=False)
    chosen = SearchSettings(score_thr=0.0)
    for query, ranking in enumerate(rank(protocol, results, chosen, top_k)):
        weights = protocol.image_weights(query) > 0
        inside = weights[results.detections.image_of].sum()
        assert ranking.num_candidates == inside
        assert len(ranking.images) == min(top_k, inside)
        assert (np.diff(ranking.similarities) <= 0).all()
        assert weights[ranking.images].all()
        shown = np.flatnonzero(ranking.is_hit) + 1
        if protocol.scope != 'listed' and not protocol._listed:
            expected = [r for r in ranking.hit_ranks if r <= top_k]
            assert shown.tolist() == expected


@settings(THOROUGH, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_give_the_same(seed):
    protocol, results = random_world(seed, exact=False)
    mini = protocol.subset(np.arange(protocol.num_queries)[::2], 'mini')
    whole = rank_all([protocol, mini], results)
    kept = search_ranking.BLOCK_BYTES
    try:
        search_ranking.BLOCK_BYTES = 1
        single = rank_all([protocol, mini], results)
    finally:
        search_ranking.BLOCK_BYTES = kept
    for key, rankings in whole.items():
        assert [figures(r) for r in rankings] == [
            figures(r) for r in single[key]
        ]
    # A subset is the same queries of the whole run.
    assert [figures(r) for r in whole['default', 'mini']] == [
        figures(r) for r in whole['default', 'random'][::2]
    ]


def test_results_of_another_split_are_refused():
    protocol, _ = random_world(1, exact=True)
    other = random_world(2, exact=True)[1]
    assert other.detections.num_images != len(protocol.images)
    with pytest.raises(ValueError, match='another dataset or split'):
        rank(protocol, other)
