"""Which persons and images take part in graph matching, by hand.

The query is (1, 0). Its companion, (0, 1), is in the gallery image ``right``
too: matched with it, the query takes that edge, 1. A second detection of the
query, (0.9, 0.44), is no companion and would leave its similarity at 0.6.
"""

import numpy as np
import pytest

from mmdet_ps.evaluation.search import SearchScores, rank
from mmdet_ps.evaluation.search.graph_matching import first_images
from mmdet_ps.evaluation.settings import preset_settings

from ..small_world import FAR, QUERY, SmallWorld

PERSON_BOX = [100, 100, 40, 100]
AGAIN = [QUERY[0] + 12, *QUERY[1:]]  # IoU 0.61 with the query
NEAR = [QUERY[0] + 20, *QUERY[1:]]  # IoU 0.43
COMPANION = ([600, 20, 50, 120], 0.0)


def world_of(seen, wrong=0.8, listed=('right', 'wrong')):
    """``seen`` in the query's image; without matching, ``wrong`` comes first.

    Args:
        seen: (xywh box, similarity, score) of each detection.
        wrong: Similarity of the only detection of the other image.
        listed: The gallery.
    """
    return SmallWorld(
        images={
            'query.jpg': seen,
            'wrong': [(FAR, wrong)],
            'right': [(PERSON_BOX, 0.6), (FAR, 0.0)],
        },
        relevant=[('right', PERSON_BOX)],
        listed=list(listed),
    )


def mean_ap(world, preset, **options):
    settings = preset_settings(preset, 'prw', cbgm=True)
    rankings = rank(
        world.protocol(), world.results(), settings.with_options(**options)
    )
    return SearchScores.of(rankings).means()['mAP']


@pytest.mark.parametrize(('neighbour', 'mean'), [(AGAIN, 1), (NEAR, 0.5)])
def test_no_detection_of_a_given_query_is_its_companion(neighbour, mean):
    seen = [(QUERY, 1.0, 1.0), (neighbour, 0.9, 0.95), (*COMPANION, 0.7)]
    world = world_of(seen)
    assert mean_ap(world, 'seqnet') == pytest.approx(0.5)
    assert mean_ap(world, 'seqnet', cbgm=(10, 2)) == pytest.approx(mean)


@pytest.mark.parametrize(('ties', 'mean'), [('numpy', 1), ('stable', 0.5)])
def test_companions_of_one_score(ties, mean):
    seen = [(QUERY, 1.0, 1.0), (NEAR, 0.9, 0.8), (*COMPANION, 0.8)]
    world = world_of(seen, wrong=0.7)
    found = mean_ap(world, 'pstr', cbgm=(30, 2), ties=ties)
    assert found == pytest.approx(mean)


@pytest.mark.parametrize(
    ('listed', 'mean'), [(('wrong', 'right'), 1), (('right', 'wrong'), 0.5)]
)
def test_the_last_listed_of_equals_is_matched(listed, mean):
    seen = [(QUERY, 1.0, 1.0), (*COMPANION, 0.7)]
    world = world_of(seen, wrong=0.6, listed=listed)
    found = mean_ap(world, 'seqnet', cbgm=(1, 2))
    assert found == pytest.approx(mean)


def test_first_images_are_those_of_the_most_similar_detections():
    similarities = np.array([0.1, 0.9, 0.8, 0.8, 0.3])
    image_of = np.array([0, 1, 1, 2, 3])
    for members, ties, images in (
        ([1, 2, 3, 4], 'stable', [1]),
        ([3, 1, 2, 4], 'stable', [1, 2]),
        ([1, 2, 3, 4], 'numpy', [1, 2]),
        ([0, 4], 'stable', [0, 3]),
    ):
        found = first_images(
            similarities, np.array(members), image_of, 2, ties
        )
        assert found.tolist() == images
