import numpy as np

from mmdet_ps.structures import RankedQueries, Ranking
from mmdet_ps.visualization.report import outcomes, telling_queries


def ranked(first_hits, average_precisions=None):
    """Queries with one person to find; None is never found."""
    rankings = []
    for hit in first_hits:
        ranks = np.array([] if hit is None else [hit], int)
        rankings.append(Ranking(ranks, ranks, 1))
    precisions = average_precisions or [
        0 if h is None else 1 / h for h in first_hits
    ]
    return RankedQueries(rankings, precisions, [])


def test_outcomes_of_the_first_place():
    shares = outcomes(ranked([1, 1, 3, None]))
    assert shares == dict(right=0.5, confused=0.25, undetected=0.25)
    assert sum(outcomes(ranked([])).values()) == 0


def test_telling_queries_are_gains_random_ones_and_the_loss():
    before = ranked([1] * 6, [0.1, 0.2, 0.3, 0.9, 0.5, 0.5])
    after = ranked([1] * 6, [0.9, 0.3, 0.9, 0.1, 0.5, 0.5])
    chosen = telling_queries(before, after, number=2)
    assert chosen[:2] == [('largest gain', 0), ('largest gain', 2)]
    assert [why for why, _ in chosen[2:4]] == ['drawn at random'] * 2
    queries = [query for _, query in chosen]
    assert len(set(queries)) == len(queries), 'no query twice'
    assert 3 in queries


def test_without_a_loss_none_is_shown():
    before, after = ranked([2, 3]), ranked([1, 1])
    reasons = [why for why, _ in telling_queries(before, after)]
    assert 'largest loss' not in reasons
    assert telling_queries(ranked([]), ranked([])) == []
