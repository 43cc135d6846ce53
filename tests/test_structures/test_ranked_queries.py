import numpy as np
import pytest

from mmdet_ps.structures import RankedQueries, Ranking


def ranking(ranks, num_relevant, skipped=False):
    ranks = np.array(ranks, int)
    return Ranking(ranks, ranks, num_relevant, skipped=skipped)


@pytest.fixture
def ranked():
    return RankedQueries(
        [
            ranking([1], 1),
            ranking([1, 2], 2),
            ranking([], 0, skipped=True),
            ranking([7], 2),
            ranking([], 3),
        ],
        [1.0, 1.0, 0.0, 0.07, 0.0],
        [],
    )


def test_best_and_worst_leave_skipped_queries_out(ranked):
    assert ranked.best(3) == [1, 0, 3], 'more to find comes first'
    assert ranked.worst(2) == [4, 3]
    assert ranked.best(99) == [1, 0, 3, 4]


def test_the_sample_is_the_same_every_time(ranked):
    drawn = ranked.sample(2, seed=3)
    assert drawn == ranked.sample(2, seed=3)
    assert set(ranked.sample(99)) == {0, 1, 3, 4}


def test_titles_tell_how_the_search_went(ranked):
    assert ranked.title(3) == (
        'query 3: average precision 7.0, 1 of 2 appearances detected, '
        'first at rank 7'
    )
    assert ranked.title(4).endswith('0 of 3 appearances detected, never found')


def test_lengths_must_agree():
    with pytest.raises(ValueError, match='1 rankings but 2'):
        RankedQueries([ranking([], 1)], [0.0, 1.0], [])
